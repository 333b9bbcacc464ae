/**
 * Repeatable chance. Input number n of a seed is made of dice of its own, so that any one input can be
 * made again without the thousands before it.
 */

/** Numbers at which codecs break: around powers of two, and the ends of ranges. */
const EDGES: readonly number[] = [
  ...[0, 7, 8, 14, 16, 21, 28, 31, 32, 35, 42, 49].map((bits) => 2 ** bits),
  Number.MAX_SAFE_INTEGER,
];

export class FuzzDice {
  #state: number;

  constructor(seed: number, input: number) {
    this.#state = (Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(input | 0, 0x85ebca77)) >>> 0;
    // The first numbers of neighbours would be alike.
    this.#next();
    this.#next();
  }

  /** A whole number in `[0, bound)`. */
  below(bound: number): number {
    if (bound <= 1) return 0;
    // Beyond 32 bits two words are put together.
    if (bound <= 0x1_0000_0000) return this.#next() % bound;
    return (this.#next() * 0x20_0000 + (this.#next() >>> 11)) % bound;
  }

  /** True once in `count` times. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** A safe integer of at least 0, of any magnitude, often at an edge. */
  number(): number {
    switch (this.below(4)) {
      case 0:
        return this.below(300);
      case 1:
        return Math.max(0, Math.min(this.pick(EDGES) + this.below(3) - 1, Number.MAX_SAFE_INTEGER));
      case 2:
        return this.below(2 ** (1 + this.below(53)));
      default:
        return this.below(20);
    }
  }

  /** splitmix32. */
  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  }
}
