/**
 * A value that changes, as an async iterable: a reader gets the present value at once and then each
 * newer one that it has time for. A slow reader misses steps, never the newest, and never slows
 * down the one who sets it (WISHES 6). A reader that was dropped without a word leaves nothing
 * behind, unless it waits.
 */
import { Watch } from './watch.ts';

export class LatestValue<T> {
  #value: T;
  #version = 1;
  #ended = false;
  #waiting = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (this.#ended) return;
    this.#value = value;
    this.#version++;
    this.#wake();
  }

  /** Ends every iteration, after the newest value was seen. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    let seen = 0;
    return new Watch<T>({
      take: () => {
        if (seen === this.#version) return undefined;
        seen = this.#version;
        return this.#value;
      },
      isOver: () => this.#ended,
      waits: (wake) => this.#waiting.add(wake),
      left: (wake) => this.#waiting.delete(wake),
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }
}
