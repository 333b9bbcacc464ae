/**
 * Chance that a seed brings back. Each purpose has a stream of its own, made of the seed and a name:
 * what one part draws more or less does not move what another one draws, so that a run stays much the
 * same when a fault or an operation is taken out of it (shrinking lives on that).
 *
 * Whole numbers only, by sfc32: the same on every machine and engine.
 */
import { crc32 } from 'node:zlib';

import type { Random } from '../../src/world/index.ts';

/** Rounds after which the state no longer shows the seed. */
const WARM_UP_ROUNDS = 12;

export class SeededRandom implements Random {
  readonly #seed: number;
  readonly #name: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, name = '') {
    this.#seed = seed;
    this.#name = name;
    this.#a = crc32(name, 0) | 0;
    this.#b = seed | 0;
    this.#c = Math.floor(seed / 2 ** 32) | 0;
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.#next();
  }

  /** A stream of its own, for a purpose. */
  stream(name: string): SeededRandom {
    return new SeededRandom(this.#seed, `${this.#name}/${name}`);
  }

  /** A whole number in `[0, bound)`; `1 <= bound <= 2^32`. */
  below(bound: number): number {
    return this.#next() % bound;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#next() & 0xff);
  }

  /** A whole number in `[from, to]`. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** True in `parts` of `of` cases. */
  chance(parts: number, of = 100): boolean {
    return this.below(of) < parts;
  }

  /** One of the list, which must not be empty. */
  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('nothing to pick from');
    return list[this.below(list.length)] as T;
  }

  /** A copy in another order. */
  shuffled<T>(list: readonly T[]): T[] {
    const copy = [...list];
    for (let at = copy.length - 1; at > 0; at--) {
      const other = this.below(at + 1);
      [copy[at], copy[other]] = [copy[other] as T, copy[at] as T];
    }
    return copy;
  }

  /**
   * Mostly near `typical`, now and then many times as much, never more than `max`: each doubling is
   * four times less likely. That is how networks and disks are late.
   */
  heavyTailed(typical: number, max: number): number {
    let value = typical * (0.5 + this.below(1_000) / 1_000);
    while (value < max && this.below(4) === 0) value *= 2;
    return Math.min(value, max);
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }
}
