/**
 * The fingerprint of a run: a rolling hash over everything that happened, in order. Two runs with the
 * same fingerprint took the same way; the first difference between two is what broke determinism.
 *
 * Two lanes of 32 bits, by multiplication modulo 2^32: whole numbers only, the same everywhere.
 */
import { crc32 } from 'node:zlib';

const PRIME_A = 0x85ebca6b;
const PRIME_B = 0xc2b2ae35;
/** Times are told apart to the nanosecond. */
const PER_MS = 1_000_000;

export class Trace {
  /** Things noted so far. */
  count = 0;
  /** The same few names come again and again. */
  readonly #names: Map<string, number> = new Map();
  #a = 0x9e3779b9;
  #b = 0x243f6a88;

  /** `what` and who, when, and numbers that belong to it. */
  note(what: string, atMs: number, first = 0, second = 0): void {
    this.count += 1;
    this.#mix(this.#numberOf(what));
    const nanos = Math.round(atMs * PER_MS);
    this.#mix(nanos % 2 ** 32);
    this.#mix(Math.floor(nanos / 2 ** 32));
    this.#mix(first);
    this.#mix(second);
  }

  #numberOf(what: string): number {
    let number = this.#names.get(what);
    if (number === undefined) {
      number = crc32(what);
      this.#names.set(what, number);
    }
    return number;
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    const lane = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
    return lane(this.#a) + lane(this.#b);
  }

  #mix(value: number): void {
    this.#a = Math.imul(this.#a ^ value, PRIME_A);
    this.#a = ((this.#a << 13) | (this.#a >>> 19)) + this.#b;
    this.#b = Math.imul(this.#b ^ this.#a, PRIME_B);
    this.#b ^= this.#b >>> 15;
  }
}
