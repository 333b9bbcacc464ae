/**
 * The core's steps for outside readers. A reader has a queue of its own, bounded by steps and by
 * the bytes of their entries; one that is too slow loses the oldest and is told how many, and the
 * core never waits for it (WISHES 6).
 */
import { READY_OBSERVATION_BYTES_MAX, READY_OBSERVATIONS_MAX } from '../limits.ts';
import { isStorageThread, type RaftId, type Ready } from '../raft/index.ts';
import type { ReadyObservation } from './types.ts';
import { Watch, type WatchSource } from './watch.ts';

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
    const bytes = bytesOf(step);
    for (const reader of this.#readers) reader.push(step, bytes);
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
    return new Watch(reader);
  }
}

interface Kept {
  readonly step: Step;
  readonly sequence: number;
  readonly bytes: number;
}

/** The steps that a reader has not taken yet. */
class Reader implements WatchSource<ReadyObservation> {
  readonly #leave: () => void;
  #kept: Kept[] = [];
  #bytes = 0;
  #sequence = 0;
  #dropped = 0;
  #isEnded = false;
  #wake: () => void = () => undefined;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  /** The newest step is kept, however large. */
  push(step: Step, bytes: number): void {
    this.#sequence++;
    const bytesMax = READY_OBSERVATION_BYTES_MAX - bytes;
    while (this.#kept.length >= READY_OBSERVATIONS_MAX || this.#bytes > bytesMax) {
      if (this.#shift() === undefined) break;
      this.#dropped++;
    }
    this.#kept.push({ step, sequence: this.#sequence, bytes });
    this.#bytes += bytes;
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  take(): ReadyObservation | undefined {
    const kept = this.#shift();
    return kept && { ...kept.step, sequence: kept.sequence, dropped: this.#dropped };
  }

  isOver(): boolean {
    return this.#isEnded;
  }

  waits(wake: () => void): void {
    this.#wake = wake;
  }

  left(): void {
    this.#kept = [];
    this.#leave();
  }

  #shift(): Kept | undefined {
    const kept = this.#kept.shift();
    if (kept !== undefined) this.#bytes -= kept.bytes;
    return kept;
  }
}

/** An entry counts in each list: it may be in memory because of any of them. */
function bytesOf({ entries, committedEntries, messages }: Step): number {
  const lists = [entries, committedEntries, ...messages.map((message) => message.entries)];
  return lists.flat().reduce((bytes, { data }) => bytes + data.length, 0);
}
