/**
 * Which keys the clients work on. A few at a time, so that they meet; changed often, so that no key gets
 * more operations than a checker can bear: the search for an order is exponential in what is open at once,
 * and an operation of unknown outcome stays open for ever.
 *
 * It also knows a value that a key may have, for compares that succeed now and then.
 */
import type { Seeded } from '../acceptance/seeded.ts';

/** The last one is kept for the read at the end of the run. */
export const KEY_OPERATIONS_MAX = 1_000;
/** So many unknown outcomes end a key's time. */
const KEY_UNKNOWN_MAX = 8;
const KEYS_AT_ONCE = 6;

interface Key {
  readonly name: string;
  operations: number;
  unknown: number;
  lastSeen: string | undefined;
}

export class KeySpace {
  readonly #seeded: Seeded;
  readonly #all: Key[] = [];
  readonly #current: Key[] = [];

  constructor(seeded: Seeded) {
    this.#seeded = seeded;
    for (let i = 0; i < KEYS_AT_ONCE; i++) this.#current.push(this.#next());
  }

  get names(): string[] {
    return this.#all.map(({ name }) => name);
  }

  /** A key for one operation, which is counted. */
  take(): Key {
    const at = this.#seeded.below(KEYS_AT_ONCE);
    const key = this.#current[at] as Key;
    key.operations++;
    if (key.operations >= KEY_OPERATIONS_MAX - 1 || key.unknown >= KEY_UNKNOWN_MAX) {
      this.#current[at] = this.#next();
    }
    return key;
  }

  #next(): Key {
    const name = `k${this.#all.length}`;
    const key = { name, operations: 0, unknown: 0, lastSeen: undefined };
    this.#all.push(key);
    return key;
  }
}
