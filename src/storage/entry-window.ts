/**
 * The newest entries of the log, in memory: one contiguous window that ends at the log's end. Followers
 * that keep up, and the state machine, are served from here. Its bytes are bounded; eviction takes the
 * oldest, but never an entry that is not durable yet, for that one exists nowhere else.
 */
import { type Entry, encodedEntrySize, type LogIndex } from '../raft/index.ts';

/** What an entry costs beside its data: object, array slot, view. An estimate. */
const ENTRY_OVERHEAD_BYTES = 128;

export class EntryWindow {
  #entries: Entry[] = [];
  /** Entries before it were evicted; the array is cut when they outnumber the rest. */
  #head = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#entries.length - this.#head;
  }

  /** Index of the oldest entry here; `undefined` when the window is empty. */
  get first(): LogIndex | undefined {
    return this.#entries[this.#head]?.index;
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += entry.data.length + ENTRY_OVERHEAD_BYTES;
  }

  truncateFrom(index: LogIndex): void {
    const first = this.first;
    if (first === undefined) return;
    const keep = this.#head + Math.max(0, index - first);
    while (this.#entries.length > keep) this.#forget(this.#entries.pop()!);
    this.#cut();
  }

  dropThrough(index: LogIndex): void {
    while (this.count > 0 && this.#entries[this.#head]!.index <= index) this.#dropOldest();
    this.#cut();
  }

  /** Evicts the oldest down to `limitBytes`, none above `durable`. */
  evict(limitBytes: number, durable: LogIndex): void {
    while (this.#bytes > limitBytes && this.count > 0) {
      if (this.#entries[this.#head]!.index > durable) break;
      this.#dropOldest();
    }
    this.#cut();
  }

  /** Entries `[lo, hi)` within `maxBytes` of encoded size, at least one; `lo` must be in the window. */
  slice(lo: LogIndex, hi: LogIndex, maxBytes: number): readonly Entry[] {
    const from = this.#head + lo - this.first!;
    return sliceWithin(this.#entries, from, from + (hi - lo), maxBytes);
  }

  #forget(entry: Entry): void {
    this.#bytes -= entry.data.length + ENTRY_OVERHEAD_BYTES;
  }

  #dropOldest(): void {
    this.#forget(this.#entries[this.#head]!);
    // The slot must not keep the data alive until the array is cut.
    this.#entries[this.#head] = undefined as never;
    this.#head++;
  }

  #cut(): void {
    if (this.#head < 64 || this.#head * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }
}

/** Positions `[from, to)` of an array of entries, cut to `maxBytes` of encoded size, never empty. */
export function sliceWithin(
  entries: readonly Entry[],
  from: number,
  to: number,
  maxBytes: number,
): readonly Entry[] {
  if (maxBytes >= Number.MAX_SAFE_INTEGER) return entries.slice(from, to);
  let end = from + 1;
  let bytes = encodedEntrySize(entries[from]!);
  while (end < to) {
    bytes += encodedEntrySize(entries[end]!);
    if (bytes > maxBytes) break;
    end++;
  }
  return entries.slice(from, end);
}
