/**
 * The results that one session keeps for retries, by sequence number, with the sum of their bytes.
 *
 * Thousands come and go in a second, nearly always numbered one after the other, so they lie in a ring, each
 * at the place that its number gives it: nothing is hashed, and what comes and goes makes no garbage. (A `Map`
 * used like that makes itself anew every few hundred requests; such tables were half of what outlived the
 * young generation on every node.) Numbers that lie far apart, which a client of one's own may well give, are
 * kept in a `Map` for as long as they do.
 */
import { SESSION_RESULTS_MAX } from '../limits.ts';
import { resultLength } from './compact-result.ts';
import type { CommandResult } from './types.ts';

const RING_MIN = 8;
/** A power of two. Numbers that are missing between those kept take a place as well. */
const RING_MAX = 2 * SESSION_RESULTS_MAX;
/** And not too many of them: so many places for each result, beside these. */
const PLACES_A_RESULT = 16;
const PLACES_SPARE = 64;

export class ResultWindow {
  /** `sequence & (length - 1)` is its place: of any number of places in a row none is taken twice. */
  #ring: (CommandResult | undefined)[] = [];
  /** Instead of the ring, once that would be too long. */
  #sparse: Map<number, CommandResult> | undefined;
  #size = 0;
  #bytes = 0;
  /** All that are kept lie from here to there. */
  #lowest = 0;
  #highest = -1;

  get size(): number {
    return this.#size;
  }

  /** Of all results kept. */
  get bytes(): number {
    return this.#bytes;
  }

  get(sequence: number): CommandResult | undefined {
    if (this.#sparse !== undefined) return this.#sparse.get(sequence);
    if (sequence < this.#lowest || sequence > this.#highest) return undefined;
    return this.#ring[sequence & (this.#ring.length - 1)];
  }

  /** Puts a result in the place of the one that is there, if any. */
  set(sequence: number, result: CommandResult): void {
    const before = this.get(sequence);
    this.#bytes += resultLength(result) - (before === undefined ? 0 : resultLength(before));
    if (before === undefined) this.#takeIn(sequence);
    if (this.#sparse !== undefined) this.#sparse.set(sequence, result);
    else this.#ring[sequence & (this.#ring.length - 1)] = result;
  }

  /** Forgets all below `start`. */
  forgetBelow(start: number): void {
    if (this.#sparse !== undefined) {
      for (const [sequence, result] of this.#sparse) {
        if (sequence >= start) continue;
        this.#sparse.delete(sequence);
        this.#count(result);
      }
      if (this.#size === 0) this.#sparse = undefined;
      return;
    }
    const mask = this.#ring.length - 1;
    const end = Math.min(start, this.#highest + 1);
    for (let sequence = this.#lowest; sequence < end; sequence++) {
      const result = this.#ring[sequence & mask];
      if (result === undefined) continue;
      this.#ring[sequence & mask] = undefined;
      this.#count(result);
    }
    if (start > this.#lowest) this.#lowest = start;
  }

  /** The lowest number there is; `undefined` without any. */
  lowest(): number | undefined {
    if (this.#size === 0) return undefined;
    if (this.#sparse !== undefined) {
      let lowest = Number.POSITIVE_INFINITY;
      for (const sequence of this.#sparse.keys()) lowest = Math.min(lowest, sequence);
      return lowest;
    }
    for (const [sequence] of this.inOrder()) return sequence;
    return undefined;
  }

  /** By number, the lowest first. Results may be replaced meanwhile, nothing else. */
  *inOrder(): Generator<readonly [sequence: number, result: CommandResult]> {
    if (this.#size === 0) return;
    if (this.#sparse !== undefined) {
      yield* [...this.#sparse].sort(([one], [other]) => one - other);
      return;
    }
    const mask = this.#ring.length - 1;
    for (let sequence = this.#lowest; sequence <= this.#highest; sequence++) {
      const result = this.#ring[sequence & mask];
      if (result !== undefined) yield [sequence, result];
    }
  }

  /** Gives back the room that a busier time has left. */
  shrink(): void {
    const lowest = this.lowest();
    if (lowest === undefined) {
      this.#ring = [];
      return;
    }
    const highest = this.#sparse === undefined ? this.#highest : Math.max(...this.#sparse.keys());
    const span = highest - lowest + 1;
    const isWorthIt = this.#sparse === undefined ? span * 4 < this.#ring.length : this.#fits(span);
    if (!isWorthIt) return;
    this.#resize(span);
    this.#lowest = lowest;
    this.#highest = highest;
  }

  #fits(span: number): boolean {
    return span <= RING_MAX && span <= this.#size * PLACES_A_RESULT + PLACES_SPARE;
  }

  #count(forgotten: CommandResult): void {
    this.#size--;
    this.#bytes -= resultLength(forgotten);
  }

  /** Makes room for a number that is not there. */
  #takeIn(sequence: number): void {
    if (this.#size++ === 0 && this.#sparse === undefined) {
      this.#lowest = sequence;
      this.#highest = sequence;
      if (this.#ring.length === 0) this.#resize(1);
      return;
    }
    if (this.#sparse !== undefined) return;
    const lowest = Math.min(this.#lowest, sequence);
    const highest = Math.max(this.#highest, sequence);
    const span = highest - lowest + 1;
    if (!this.#fits(span)) {
      this.#sparse = new Map(this.inOrder());
      this.#ring = [];
      return;
    }
    if (span > this.#ring.length) this.#resize(span);
    this.#lowest = lowest;
    this.#highest = highest;
  }

  #resize(span: number): void {
    let length = RING_MIN;
    while (length < span) length *= 2;
    const ring = new Array<CommandResult | undefined>(length).fill(undefined);
    for (const [sequence, result] of this.inOrder()) ring[sequence & (length - 1)] = result;
    this.#ring = ring;
    this.#sparse = undefined;
  }
}
