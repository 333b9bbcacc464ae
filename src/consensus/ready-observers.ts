/**
 * The core's steps for outside readers. A reader has a bounded queue of its own; one that is too slow
 * loses the oldest and is told how many, and the core never waits for it (WISHES 6).
 */
import { READY_OBSERVATIONS_MAX } from '../limits.ts';
import { isStorageThread, type RaftId, type Ready } from '../raft/index.ts';
import type { ReadyObservation } from './types.ts';

type Step = Omit<ReadyObservation, 'sequence' | 'dropped'>;

export class ReadyObservers {
  readonly #readers = new Set<Reader>();
  #isEnded = false;

  /** Costs nothing while nobody reads. */
  observe(self: RaftId, ready: Ready): void {
    if (this.#readers.size === 0) return;
    const { softState, hardState, entries, snapshot, committedEntries, mustSync } = ready;
    const messages = ready.messages.filter(({ to }) => to !== self && !isStorageThread(to));
    const step: Step = {
      softState,
      hardState,
      entries,
      snapshot,
      committedEntries,
      messages,
      mustSync,
    };
    for (const reader of this.#readers) reader.push(step);
  }

  end(): void {
    this.#isEnded = true;
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
  }

  /** A reader that begins now; it leaves when its iteration ends. */
  read(): AsyncIterableIterator<ReadyObservation> {
    const reader = new Reader(() => this.#readers.delete(reader));
    if (this.#isEnded) reader.end();
    else this.#readers.add(reader);
    return reader;
  }
}

class Reader implements AsyncIterableIterator<ReadyObservation> {
  readonly #leave: () => void;
  #queue: ReadyObservation[] = [];
  #sequence = 0;
  #dropped = 0;
  #isEnded = false;
  #waiting: (() => void)[] = [];

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  push(step: Step): void {
    this.#sequence++;
    if (this.#queue.length >= READY_OBSERVATIONS_MAX) {
      this.#queue.shift();
      this.#dropped++;
    }
    this.#queue.push({ ...step, sequence: this.#sequence, dropped: this.#dropped });
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async next(): Promise<IteratorResult<ReadyObservation, undefined>> {
    for (;;) {
      const value = this.#queue.shift();
      if (value !== undefined) return { value: { ...value, dropped: this.#dropped }, done: false };
      if (this.#isEnded) return { value: undefined, done: true };
      await new Promise<void>((wake) => this.#waiting.push(wake));
    }
  }

  async return(): Promise<IteratorResult<ReadyObservation, undefined>> {
    this.#leave();
    this.#queue = [];
    this.end();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ReadyObservation> {
    return this;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
