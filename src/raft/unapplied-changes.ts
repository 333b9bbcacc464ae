/**
 * Where the log holds membership changes that have not been applied yet. A node must not campaign
 * while a committed one is among them (NASTY 31): it would count votes by a configuration that is
 * already history.
 *
 * Asked before each campaign, over a range that may be long and partly on disk; so the indexes are
 * noted as entries come in. Only what was in the log before this process started is looked at on
 * demand, and if it is not in memory the answer is a cautious yes: applying will load it.
 */
import { type Entry, EntryType, type LogIndex } from './types.ts';

/** Reads a piece of `[lo, hi)`, at least one entry; undefined when it is not in memory. */
export type ReadPiece = (lo: LogIndex, hi: LogIndex) => readonly Entry[] | undefined;

export class UnappliedChanges {
  /** Ascending; entries above `#unknownTo`. */
  readonly #indexes: LogIndex[] = [];
  /** Up to here the entries were there before anybody noted their types. */
  #unknownTo: LogIndex;

  constructor(lastIndexAtStart: LogIndex) {
    this.#unknownTo = lastIndexAtStart;
  }

  /** The log was cut before these and they were added. */
  appended(entries: readonly Entry[]): void {
    const first = entries[0]!.index;
    if (this.#unknownTo >= first) this.#unknownTo = first - 1;
    while (this.#indexes.length > 0 && this.#indexes.at(-1)! >= first) this.#indexes.pop();
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      if (entry.type !== EntryType.Normal) this.#indexes.push(entry.index);
    }
  }

  applied(index: LogIndex): void {
    while (this.#indexes.length > 0 && this.#indexes[0]! <= index) this.#indexes.shift();
  }

  /** A snapshot took the place of the log. */
  restored(): void {
    this.#indexes.length = 0;
    this.#unknownTo = 0;
  }

  /** Whether there is a change in `(applied, committed]`. */
  isAnyIn(applied: LogIndex, committed: LogIndex, read: ReadPiece): boolean {
    if (applied >= committed) return false;
    const noted = this.#indexes[0];
    if (noted !== undefined && noted <= committed) return true;
    const hi = Math.min(committed, this.#unknownTo) + 1;
    for (let lo = applied + 1; lo < hi; ) {
      const piece = read(lo, hi);
      if (piece === undefined || piece.length === 0) return true;
      if (piece.some((entry) => entry.type !== EntryType.Normal)) return true;
      lo += piece.length;
    }
    return false;
  }
}
