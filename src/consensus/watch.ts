/**
 * One who watches something that goes on, as an async iterator. The rule that it protects: whoever
 * watches can leave at any moment, also while he waits for the next value. (An async generator can
 * not be left then: its `return` waits for the `next` that waits.)
 */

/** What is watched, as one watcher sees it. */
export interface WatchSource<T> {
  /** The next value; `undefined` while there is none. */
  take(): T | undefined;
  /** Whether no more will come than can be taken now. */
  isOver(): boolean;
  /**
   * The watcher waits: it is to be woken once there may be more, or no more. Always the same
   * function.
   */
  waits(wake: () => void): void;
  /** The watcher has left, and need not be woken any more. */
  left(wake: () => void): void;
}

const DONE: IteratorReturnResult<undefined> = Object.freeze({ value: undefined, done: true });

/**
 * Ends when its source is over and all of it was taken; or with `return`, at once, for each `next`
 * that waits.
 */
export class Watch<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: WatchSource<T>;
  #waiting: (() => void)[] = [];
  #hasLeft = false;

  constructor(source: WatchSource<T>) {
    this.#source = source;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    while (!this.#hasLeft) {
      const value = this.#source.take();
      if (value !== undefined) return { value, done: false };
      if (this.#source.isOver()) break;
      await new Promise<void>((wake) => {
        this.#waiting.push(wake);
        this.#source.waits(this.#wake);
      });
    }
    return DONE;
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#hasLeft = true;
    this.#source.left(this.#wake);
    this.#wake();
    return DONE;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return this;
  }

  readonly #wake: () => void = () => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  };
}
