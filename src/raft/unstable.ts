/**
 * The end of the log that is not known to be durable yet, and at most one snapshot that is not
 * installed yet. Entries come in from a leader or a proposal, are handed out to be written (and are
 * "in progress" from then on), and leave once the write is confirmed.
 *
 * What may go wrong (NASTY 18): a write is confirmed late, after the entries it wrote were replaced.
 * So a confirmation names index and term of its last entry, and what no longer carries that term is
 * left alone; a confirmation for entries that were cut off is ignored.
 *
 * Arrays are handed through, not copied: what comes in as one array goes out as the same one, to the disk
 * and to the followers. So an array that others may hold is never changed; who must change it makes a copy.
 *
 * Indexes: `entries[i]` has index `offset + i`. `offset` may lie below the end of the stored log;
 * then the stored tail from `offset` on is void and will be overwritten.
 */
import { violated } from '../errors.ts';
import { NO_ENTRIES } from './entries.ts';
import type { Entry, LogIndex, Snapshot, Term } from './types.ts';

export class Unstable {
  /** The snapshot to install before any of the entries. */
  snapshot: Snapshot | undefined = undefined;
  offset: LogIndex;
  #isSnapshotInProgress = false;
  /** Entries below this index have been handed out. */
  #inProgressTo: LogIndex;
  #entries: readonly Entry[] = NO_ENTRIES;
  /** Somebody else may hold `#entries` too. */
  #isShared = true;

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
    if (lo < this.offset || hi > this.offset + this.#entries.length) {
      violated('unstable slice', {
        lo,
        hi,
        offset: this.offset,
        length: this.#entries.length,
      });
    }
    return this.#part(lo - this.offset, hi - this.offset);
  }

  /** Entries that were not handed out yet. */
  nextEntries(): readonly Entry[] {
    if (!this.hasNextEntries) return NO_ENTRIES;
    return this.#part(this.#inProgressTo - this.offset, this.#entries.length);
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
    this.#keep(index + 1 - this.offset, this.#entries.length);
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
    this.#take(NO_ENTRIES);
  }

  /** Adds entries, which replace everything from the first new index on. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const first = entries[0]!.index;
    const end = this.offset + this.#entries.length;
    if (first > end) {
      violated('entries leave a gap in the log', { first, end });
    }
    this.#inProgressTo = Math.min(this.#inProgressTo, first);
    if (first <= this.offset) {
      // All of it is replaced, and so is the stored tail from here on.
      this.offset = first;
      this.#take(entries);
      return;
    }
    if (this.#isShared || first < end) this.#keep(0, first - this.offset);
    const own = this.#entries as Entry[];
    for (let i = 0; i < entries.length; i++) own.push(entries[i]!);
  }

  /** `#entries[from .. to)`, for others to hold. */
  #part(from: number, to: number): readonly Entry[] {
    if (from > 0 || to < this.#entries.length) return this.#entries.slice(from, to);
    this.#isShared = true;
    return this.#entries;
  }

  /** Others hold it as well. */
  #take(entries: readonly Entry[]): void {
    this.#entries = entries;
    this.#isShared = true;
  }

  /** The rest goes, in an array that is nobody else's. */
  #keep(from: number, to: number): void {
    this.#entries = from === to ? NO_ENTRIES : this.#entries.slice(from, to);
    this.#isShared = from === to;
  }
}
