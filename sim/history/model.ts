/**
 * What a checker of linearizability must know of an object: how it goes from state to state.
 *
 * A model is pure. States are values that are never changed; a step answers another one. `step` judges an
 * operation together with its answer: `undefined` says that this answer is impossible in this state. Of
 * an operation whose outcome is unknown, `undefined` says that it would do nothing there.
 *
 * `shortcuts` is an offer for objects whose answers tell enough; see linearizability.ts for what it saves
 * and why that is sound. Whoever gives it promises: each operation *with a known outcome* either never
 * changes the state (`isObserver`), or leaves a state which follows from the operation and its answer
 * alone. A register is so; a queue (whose rest one does not see) and a lock with waiters are not.
 */
export interface Model<State, Op> {
  readonly initial: State;
  /** The state after the operation; undefined: it can not have been answered so in this state. */
  step(state: State, op: Op): State | undefined;
  /** Equal for equal states, different for different ones. */
  identify(state: State): string | number;
  /** Equal for operations of unknown outcome that can stand in for one another. */
  effectOf(op: Op): string;
  /** For people. */
  show(state: State): string;
  readonly shortcuts?: ModelShortcuts<Op>;
}

/** No state is identified so. */
export const UNSURE: unique symbol = Symbol('unsure');

/** What spares the search work where a model can say it; never changes a verdict. */
export interface ModelShortcuts<Op> {
  /** Of known operations: it never changes the state, whatever the state is. */
  isObserver(op: Op): boolean;
  /** Of unknown operations: its effect is the same in every state. */
  isBlind(op: Op): boolean;
  /** The only state (by `identify`) in which a known operation is possible; undefined: there are others. */
  needed(op: Op): string | number | undefined;
  /**
   * The only state that it can lead to from another one; undefined: it leads to none. UNSURE for what
   * depends on the state.
   */
  given(op: Op): string | number | undefined | typeof UNSURE;
}

/** One operation on one object, between call and return. */
export interface Interval<Op> {
  readonly call: number;
  /** Null: it never returned. */
  readonly return: number | null;
  /** What it did, with its answer; undefined when its outcome is unknown. */
  readonly told: Op | undefined;
  /** What it may do while its answer is open; none: nothing that anybody could see. */
  readonly pending: readonly Op[];
  /** For people. */
  readonly text: string;
}
