/**
 * The search of linearizability.ts: depth first, with an explicit stack, so that long histories do not
 * exhaust the engine's. The rules 1 to 5 are explained there.
 *
 * Known operations stand in order of their calls in a list linked both ways; taking one unlinks it, going
 * back links it again at its place. Those that may be taken next are the first ones of the list up to the
 * first that was called after the earliest return before it.
 */
import type { Interval, Model } from './model.ts';
import { NeededStates } from './needed-states.ts';
import { TriedStates } from './tried-states.ts';

const NONE = -1;

/** One or more unknown operations (by class), then a known one (or NONE). */
interface Move<State> {
  readonly known: number;
  readonly classes: readonly number[];
  readonly state: State;
  /** Nothing else need be tried from where this was taken. */
  readonly isForced: boolean;
}

interface Frame<State> {
  readonly state: State;
  /** What led here. */
  readonly move: Move<State> | undefined;
  readonly moves: Move<State>[];
  at: number;
  hasChains: boolean;
}

interface Pending<Op> {
  readonly interval: Interval<Op>;
  readonly effects: readonly Op[];
}

export class OrderSearch<State, Op> {
  readonly #model: Model<State, Op>;
  readonly #stepsMax: number;
  readonly #known: Interval<Op>[];
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Unknown operations by equal effect, each class in order of calls. */
  readonly #classes: Pending<Op>[][];
  readonly #used: Uint16Array;
  readonly #tried: TriedStates;
  readonly #needed: NeededStates<State, Op> | undefined;
  #left: number;
  #steps = 0;
  #bestOrder: Interval<Op>[] = [];
  #bestState: State;
  #bestBlocked: Interval<Op>[] = [];
  #bestTaken = NONE;

  /** `isFar`: go on where it is hopeless already, to come as far as possible. */
  constructor(
    model: Model<State, Op>,
    intervals: readonly Interval<Op>[],
    stepsMax: number,
    isFar = false,
  ) {
    this.#model = model;
    this.#stepsMax = stepsMax;
    const sorted = [...intervals].sort((a, b) => a.call - b.call);
    this.#known = sorted.filter(({ told }) => told !== undefined);
    this.#left = this.#known.length;
    // The place behind the last is the list's head and end at once.
    this.#next = new Int32Array(this.#left + 1);
    this.#previous = new Int32Array(this.#left + 1);
    for (let i = 0; i <= this.#left; i++) {
      this.#next[i] = i === this.#left ? 0 : i + 1;
      this.#previous[i] = i === 0 ? this.#left : i - 1;
    }
    this.#classes = classesOf(model, sorted);
    this.#used = new Uint16Array(this.#classes.length);
    this.#tried = new TriedStates(this.#known.length);
    this.#needed = isFar ? undefined : new NeededStates(model, this.#known, this.#classes);
    this.#bestState = model.initial;
  }

  /** Steps of the model that it took, and comparisons with where it has been. */
  get steps(): number {
    return this.#steps + this.#tried.compared;
  }

  run(): 'found' | 'none' | 'gave up' {
    const frames = [this.#frame(this.#model.initial, undefined)];
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      if (this.#left === 0) return 'found';
      if (this.steps > this.#stepsMax) {
        this.#noteEnd(frames);
        return 'gave up';
      }
      const move = this.#nextMove(frame);
      if (move === undefined) {
        this.#noteEnd(frames);
        frames.pop();
        if (frame.move !== undefined) this.#undo(frame.move);
        continue;
      }
      this.#apply(move);
      const { known, classes, state } = move;
      const isDead = this.#needed?.isDead(frame.state, state, known, classes) ?? false;
      if (!isDead && (move.isForced || this.#isNew(state))) frames.push(this.#frame(state, move));
      else this.#undo(move);
    }
    // Chains of unknown operations are cut short at the bound, so what was left may not have been all.
    return this.steps > this.#stepsMax ? 'gave up' : 'none';
  }

  /** The longest order that the search came to; after giving up there may be longer ones. */
  best(): { order: Interval<Op>[]; state: State; blocked: Interval<Op>[] } {
    return { order: this.#bestOrder, state: this.#bestState, blocked: this.#bestBlocked };
  }

  #frame(state: State, move: Move<State> | undefined): Frame<State> {
    const moves = this.#directMoves(state);
    return { state, move, moves, at: 0, hasChains: moves[0]?.isForced ?? false };
  }

  #nextMove(frame: Frame<State>): Move<State> | undefined {
    if (frame.at === frame.moves.length && !frame.hasChains) {
      frame.hasChains = true;
      if (this.#classes.length > 0) {
        if (this.#model.shortcuts !== undefined) this.#addChains(frame);
        else this.#addPending(frame);
      }
    }
    return frame.moves[frame.at++];
  }

  /** Indexes of the known operations that may come next, and the earliest return among those left. */
  #candidates(): { enabled: number[]; firstReturn: number } {
    const end = this.#known.length;
    const enabled: number[] = [];
    let firstReturn = Number.POSITIVE_INFINITY;
    for (let i = this.#next[end] as number; i !== end; i = this.#next[i] as number) {
      const { call, return: back } = this.#known[i] as Interval<Op>;
      if (call > firstReturn) break;
      enabled.push(i);
      if ((back as number) < firstReturn) firstReturn = back as number;
    }
    return { enabled, firstReturn };
  }

  #directMoves(state: State): Move<State>[] {
    const { shortcuts } = this.#model;
    const moves: Move<State>[] = [];
    for (const known of this.#candidates().enabled) {
      const told = this.#known[known]?.told as Op;
      const next = this.#step(state, told);
      if (next === undefined) continue;
      const isForced = shortcuts?.isObserver(told) ?? false;
      const move = { known, classes: [], state: next, isForced };
      if (isForced) return [move];
      moves.push(move);
    }
    return moves;
  }

  /** For models without shortcuts: an unknown operation is a move of its own. */
  #addPending(frame: Frame<State>): void {
    const { firstReturn } = this.#candidates();
    for (const [index] of this.#classes.entries()) {
      for (const effect of this.#effects(index, 0, firstReturn)) {
        const state = this.#step(frame.state, effect);
        if (state === undefined || this.#isSame(state, frame.state)) continue;
        frame.moves.push({ known: NONE, classes: [index], state, isForced: false });
      }
    }
  }

  /** Rule 4: unknown operations, each changing something, until one of the known ones fits. */
  #addChains(frame: Frame<State>): void {
    const { enabled, firstReturn } = this.#candidates();
    const isBlocked = (known: number, state: State) =>
      this.#step(state, this.#known[known]?.told as Op) === undefined;
    const blocked = enabled.filter((known) => isBlocked(known, frame.state));
    const extend = (state: State, chain: readonly number[], wanted: readonly number[]): void => {
      for (const [index] of this.#classes.entries()) {
        const usedHere = chain.filter((one) => one === index).length;
        for (const effect of this.#effects(index, usedHere, firstReturn)) {
          if (chain.length > 0 && this.#model.shortcuts?.isBlind(effect)) continue;
          const after = this.#step(state, effect);
          if (after === undefined || this.#isSame(after, state)) continue;
          const classes = [...chain, index];
          const still: number[] = [];
          for (const known of wanted) {
            const next = this.#step(after, this.#known[known]?.told as Op);
            if (next === undefined) still.push(known);
            else frame.moves.push({ known, classes, state: next, isForced: false });
          }
          if (still.length > 0 && this.#steps <= this.#stepsMax) extend(after, classes, still);
        }
      }
    };
    if (blocked.length > 0) extend(frame.state, [], blocked);
  }

  /** What the next unused operation of a class may do, if it was called in time. */
  #effects(index: number, usedMore: number, firstReturn: number): readonly Op[] {
    const position = (this.#used[index] as number) + usedMore;
    const pending = this.#classes[index]?.[position];
    return pending === undefined || pending.interval.call > firstReturn ? [] : pending.effects;
  }

  #step(state: State, op: Op): State | undefined {
    this.#steps++;
    return this.#model.step(state, op);
  }

  #isSame(a: State, b: State): boolean {
    return this.#model.identify(a) === this.#model.identify(b);
  }

  #isNew(state: State): boolean {
    const head = this.#next[this.#known.length] as number;
    return this.#tried.add(head, this.#model.identify(state), this.#used);
  }

  #apply({ known, classes }: Move<State>): void {
    for (const index of classes) {
      this.#used[index] = (this.#used[index] as number) + 1;
      this.#needed?.countClass(index, -1);
    }
    if (known === NONE) return;
    this.#needed?.countKnown(known, -1);
    const [before, after] = [this.#previous[known] as number, this.#next[known] as number];
    this.#next[before] = after;
    this.#previous[after] = before;
    this.#tried.take(known);
    this.#left--;
  }

  #undo({ known, classes }: Move<State>): void {
    for (const index of classes) {
      this.#used[index] = (this.#used[index] as number) - 1;
      this.#needed?.countClass(index, 1);
    }
    if (known === NONE) return;
    this.#needed?.countKnown(known, 1);
    const [before, after] = [this.#previous[known] as number, this.#next[known] as number];
    this.#next[before] = known;
    this.#previous[after] = known;
    this.#tried.giveBack(known);
    this.#left++;
  }

  /** Called where nothing more fits, or nothing more is tried. */
  #noteEnd(frames: readonly Frame<State>[]): void {
    const taken = this.#known.length - this.#left;
    if (taken <= this.#bestTaken) return;
    this.#bestTaken = taken;
    this.#bestState = (frames.at(-1) as Frame<State>).state;
    this.#bestBlocked = this.#candidates().enabled.map((i) => this.#known[i] as Interval<Op>);
    this.#bestOrder = [];
    const usedSoFar = new Uint16Array(this.#classes.length);
    for (const { move } of frames) {
      for (const index of move?.classes ?? []) {
        const position = usedSoFar[index] as number;
        usedSoFar[index] = position + 1;
        const members = this.#classes[index] as Pending<Op>[];
        this.#bestOrder.push((members[position] as Pending<Op>).interval);
      }
      if (move !== undefined && move.known !== NONE) {
        this.#bestOrder.push(this.#known[move.known] as Interval<Op>);
      }
    }
  }
}

function classesOf<State, Op>(
  model: Model<State, Op>,
  sorted: readonly Interval<Op>[],
): Pending<Op>[][] {
  const classes = new Map<string, Pending<Op>[]>();
  for (const interval of sorted) {
    if (interval.told !== undefined || interval.pending.length === 0) continue;
    const name = JSON.stringify(interval.pending.map((op) => model.effectOf(op)));
    const members = classes.get(name) ?? [];
    members.push({ interval, effects: interval.pending });
    classes.set(name, members);
  }
  return [...classes.values()];
}
