/**
 * The end of the log that is not known to be durable yet, and at most one snapshot that is not
 * installed yet. Entries come in from a leader or a proposal, are handed out to be written (and are
 * "in progress" from then on), and leave once the write is confirmed.
 *
 * What may go wrong (NASTY 18): a write is confirmed late, after the entries it wrote were replaced.
 * So a confirmation names index and term of its last entry, and what no longer carries that term is
 * left alone; a confirmation for entries that were cut off is ignored.
 *
 * Indexes: `entries[i]` has index `offset + i`. `offset` may lie below the end of the stored log;
 * then the stored tail from `offset` on is void and will be overwritten.
 */
import { assert } from '../errors.ts';
import { NO_ENTRIES } from './entries.ts';
import type { Entry, LogIndex, Snapshot, Term } from './types.ts';

export class Unstable {
  /** The snapshot to install before any of the entries. */
  snapshot: Snapshot | undefined = undefined;
  offset: LogIndex;
  #isSnapshotInProgress = false;
  /** Entries below this index have been handed out. */
  #inProgressTo: LogIndex;
  #entries: Entry[] = [];

  constructor(offset: LogIndex) {
    this.offset = offset;
    this.#inProgressTo = offset;
  }

  get hasEntries(): boolean {
    return this.#entries.length > 0;
  }

  get hasNextEntries(): boolean {
    return this.offset + this.#entries.length > this.#inProgressTo;
  }

  /** The last index in here, snapshot included; undefined when there is nothing. */
  lastIndex(): LogIndex | undefined {
    if (this.#entries.length > 0) return this.offset + this.#entries.length - 1;
    return this.snapshot?.metadata.index;
  }

  /** The term of an index in here, snapshot included. */
  term(index: LogIndex): Term | undefined {
    if (index >= this.offset) return this.#entries[index - this.offset]?.term;
    const metadata = this.snapshot?.metadata;
    return metadata?.index === index ? metadata.term : undefined;
  }

  slice(lo: LogIndex, hi: LogIndex): readonly Entry[] {
    assert(lo >= this.offset && hi <= this.offset + this.#entries.length, 'unstable slice', {
      lo,
      hi,
      offset: this.offset,
      length: this.#entries.length,
    });
    return this.#entries.slice(lo - this.offset, hi - this.offset);
  }

  /** Entries that were not handed out yet. */
  nextEntries(): readonly Entry[] {
    if (!this.hasNextEntries) return NO_ENTRIES;
    return this.#entries.slice(this.#inProgressTo - this.offset);
  }

  /** The snapshot, unless it was handed out already. */
  nextSnapshot(): Snapshot | undefined {
    return this.#isSnapshotInProgress ? undefined : this.snapshot;
  }

  /** Everything in here has been handed out. */
  acceptInProgress(): void {
    if (this.#entries.length > 0) this.#inProgressTo = this.offset + this.#entries.length;
    if (this.snapshot !== undefined) this.#isSnapshotInProgress = true;
  }

  /** The entry (index, term) and all before it are durable, if they are still the ones in here. */
  stableTo(index: LogIndex, term: Term): void {
    if (index < this.offset || this.term(index) !== term) return;
    this.#entries = this.#entries.slice(index + 1 - this.offset);
    this.offset = index + 1;
    this.#inProgressTo = Math.max(this.#inProgressTo, this.offset);
  }

  stableSnapTo(index: LogIndex): void {
    if (this.snapshot?.metadata.index !== index) return;
    this.snapshot = undefined;
    this.#isSnapshotInProgress = false;
  }

  /** A snapshot from a leader takes the place of the whole log. */
  restore(snapshot: Snapshot): void {
    this.snapshot = snapshot;
    this.#isSnapshotInProgress = false;
    this.offset = snapshot.metadata.index + 1;
    this.#inProgressTo = this.offset;
    this.#entries = [];
  }

  /** Adds entries, which replace everything from the first new index on. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const first = entries[0]!.index;
    const end = this.offset + this.#entries.length;
    assert(first <= end, 'entries leave a gap in the log', { first, end });
    if (first <= this.offset) {
      // All of it is replaced, and so is the stored tail from here on.
      this.offset = first;
      this.#entries = [];
    } else if (first < end) {
      this.#entries.length = first - this.offset;
    }
    this.#inProgressTo = Math.min(this.#inProgressTo, first);
    for (let i = 0; i < entries.length; i++) this.#entries.push(entries[i]!);
  }
}
