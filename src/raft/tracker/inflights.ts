/**
 * The append messages that are on their way to one follower: the last index of each, and its data
 * bytes. It bounds how far a leader runs ahead of what the follower has acknowledged, by number and
 * by bytes. The bytes may overshoot by one message, or a message larger than the bound would never
 * leave.
 *
 * A ring that grows as it is used, up to the bound: most followers never have more than a few
 * messages outstanding, and a group may have many followers.
 */
import { violated } from '../../errors.ts';
import type { LogIndex } from '../types.ts';

const RING_SLOTS_FIRST = 8;

/**
 * The append messages on their way to one follower, oldest first: how many there are, and whether
 * there is room for more.
 */
export class Inflights {
  readonly #countMax: number;
  readonly #bytesMax: number;
  #start = 0;
  #count = 0;
  #bytes = 0;
  #indexes: number[] = [];
  #sizes: number[] = [];

  constructor(countMax: number, bytesMax: number) {
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
  }

  /** Messages on their way. */
  get count(): number {
    return this.#count;
  }

  /** Whether either bound is reached: nothing more is sent until an answer arrives. */
  get isFull(): boolean {
    return this.#count === this.#countMax || this.#bytes >= this.#bytesMax;
  }

  /** A message left whose last entry is `index`. Indexes only grow. */
  add(index: LogIndex, bytes: number): void {
    if (this.isFull) {
      violated('a message was sent to a follower whose window is full', { index });
    }
    if (this.#count === this.#indexes.length) this.#grow();
    const slot = (this.#start + this.#count) % this.#indexes.length;
    this.#indexes[slot] = index;
    this.#sizes[slot] = bytes;
    this.#count += 1;
    this.#bytes += bytes;
  }

  /** The follower has acknowledged `index`: the messages up to it have arrived. */
  freeUpTo(index: LogIndex): void {
    while (this.#count > 0 && this.#indexes[this.#start]! <= index) {
      this.#bytes -= this.#sizes[this.#start]!;
      this.#count -= 1;
      this.#start += 1;
      if (this.#start === this.#indexes.length) this.#start = 0;
    }
    if (this.#count === 0) this.#start = 0;
  }

  /** Nothing is on its way any more. */
  reset(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #grow(): void {
    const slots = Math.min(this.#countMax, Math.max(RING_SLOTS_FIRST, this.#indexes.length * 2));
    const indexes = new Array<number>(slots).fill(0);
    const sizes = new Array<number>(slots).fill(0);
    for (let i = 0; i < this.#count; i++) {
      const slot = (this.#start + i) % this.#indexes.length;
      indexes[i] = this.#indexes[slot]!;
      sizes[i] = this.#sizes[slot]!;
    }
    this.#indexes = indexes;
    this.#sizes = sizes;
    this.#start = 0;
  }
}
