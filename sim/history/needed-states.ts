/**
 * Sees early that a search has gone wrong: some operation that is not taken yet needs a state which is gone
 * and which nothing that is left can bring back. (linearizability.ts, rule 5)
 *
 * It keeps count, for each state that anybody needs, of those who need it and of those who lead to it.
 * Only models with shortcuts say so, and not all of their operations do: with one that is unsure there is
 * nothing to be seen here.
 */
import { type Interval, type Model, UNSURE } from './model.ts';

const NONE = -1;

export class NeededStates<State, Op> {
  readonly #model: Model<State, Op>;
  /** Numbers of the states that are needed. */
  readonly #numbers = new Map<string | number, number>();
  readonly #needs: Int32Array;
  readonly #gives: Int32Array;
  readonly #neededBy: Int32Array;
  readonly #givenBy: Int32Array;
  readonly #givenByClass: readonly number[][];
  #isBlind: boolean;

  constructor(
    model: Model<State, Op>,
    known: readonly Interval<Op>[],
    classes: readonly { readonly effects: readonly Op[] }[][],
  ) {
    this.#model = model;
    const { shortcuts } = model;
    this.#isBlind = shortcuts === undefined;
    this.#neededBy = Int32Array.from(known, ({ told }) => {
      const id = told === undefined ? undefined : shortcuts?.needed(told);
      if (id === undefined) return NONE;
      const number = this.#numbers.get(id) ?? this.#numbers.size;
      this.#numbers.set(id, number);
      return number;
    });
    this.#needs = new Int32Array(this.#numbers.size);
    this.#gives = new Int32Array(this.#numbers.size);
    this.#givenBy = Int32Array.from(known, ({ told }) => this.#given(told));
    this.#givenByClass = classes.map((members) =>
      (members[0]?.effects ?? []).map((effect) => this.#given(effect)),
    );
    for (const number of this.#neededBy) this.#count(this.#needs, number, 1);
    for (const number of this.#givenBy) this.#count(this.#gives, number, 1);
    for (const [i, numbers] of this.#givenByClass.entries()) {
      for (const number of numbers) this.#count(this.#gives, number, classes[i]?.length ?? 0);
    }
  }

  /** `by` -1: it is taken; 1: it is given back. */
  countKnown(known: number, by: 1 | -1): void {
    this.#count(this.#needs, this.#neededBy[known] as number, by);
    this.#count(this.#gives, this.#givenBy[known] as number, by);
  }

  countClass(index: number, by: 1 | -1): void {
    for (const number of this.#givenByClass[index] ?? []) this.#count(this.#gives, number, by);
  }

  /** After a move away from `before`, by these operations, to `state`: can nobody be satisfied any more? */
  isDead(before: State, state: State, known: number, classes: readonly number[]): boolean {
    if (this.#isBlind) return false;
    const present = this.#numbers.get(this.#model.identify(state));
    const isGone = (number: number): boolean =>
      number !== NONE &&
      number !== present &&
      (this.#needs[number] as number) > 0 &&
      this.#gives[number] === 0;
    if (isGone(this.#numbers.get(this.#model.identify(before)) ?? NONE)) return true;
    if (known !== NONE && isGone(this.#givenBy[known] as number)) return true;
    return classes.some((index) => (this.#givenByClass[index] ?? []).some(isGone));
  }

  #given(op: Op | undefined): number {
    const id = op === undefined ? undefined : this.#model.shortcuts?.given(op);
    if (id === UNSURE) this.#isBlind = true;
    return id === undefined || id === UNSURE ? NONE : (this.#numbers.get(id) ?? NONE);
  }

  #count(counts: Int32Array, number: number, by: number): void {
    if (number !== NONE) counts[number] = (counts[number] as number) + by;
  }
}
