/**
 * A node's log as its events tell it: which index holds an entry of which term. What stands in the entries is
 * the business of one checker (log-matching.ts); index and term name an entry for all others.
 *
 * It follows the contract of `Storage`: entries replace what is there from their first index on; a snapshot
 * takes the place of what it covers, and of everything when the log does not hold its last entry.
 */
import type { Entry, LogIndex, Term } from '../../src/raft/index.ts';

/** Entries that others took the place of: from `first` on, with these terms. */
export interface CutEntries {
  readonly first: LogIndex;
  readonly terms: readonly Term[];
}

export class MachineLog {
  /** Everything up to here is in a snapshot, or was never here. */
  baseIndex: LogIndex = 0;
  #baseTerm: Term | undefined = 0;
  #terms: Term[] = [];

  get lastIndex(): LogIndex {
    return this.baseIndex + this.#terms.length;
  }

  /** `undefined` below the base and above the end. */
  termAt(index: LogIndex): Term | undefined {
    if (index === this.baseIndex) return this.#baseTerm;
    return index < this.baseIndex ? undefined : this.#terms[index - this.baseIndex - 1];
  }

  /** Whether it has the entry, or a snapshot that covers it. */
  has(index: LogIndex, term: Term | undefined): boolean {
    if (index < this.baseIndex) return true;
    return term !== undefined && this.termAt(index) === term;
  }

  /** Answers what the entries took the place of. */
  replace(entries: readonly Entry[]): CutEntries | undefined {
    const first = entries[0]?.index;
    if (first === undefined) return undefined;
    if (first <= this.baseIndex) {
      return this.replace(entries.filter(({ index }) => index > this.baseIndex));
    }
    // A gap is the storage's to refuse, and it has judged this batch: here it is only followed.
    if (first > this.lastIndex + 1) this.#reset(first - 1, undefined);
    const at = first - this.baseIndex - 1;
    const cut = at < this.#terms.length ? this.#terms.splice(at) : undefined;
    for (const { term } of entries) this.#terms.push(term);
    return cut === undefined ? undefined : { first, terms: cut };
  }

  install(index: LogIndex, term: Term): void {
    if (index >= this.baseIndex && this.termAt(index) === term) this.compact(index);
    else this.#reset(index, term);
  }

  compact(index: LogIndex): void {
    if (index <= this.baseIndex || index > this.lastIndex) return;
    this.#baseTerm = this.termAt(index);
    this.#terms.splice(0, index - this.baseIndex);
    this.baseIndex = index;
  }

  copy(): MachineLog {
    const copy = new MachineLog();
    copy.baseIndex = this.baseIndex;
    copy.#baseTerm = this.#baseTerm;
    copy.#terms = [...this.#terms];
    return copy;
  }

  /**
   * The lowest index at which they are not the same, ends included, from the larger base on. The entry at
   * the base counts: a log that ends before the other's begins holds none of it.
   */
  firstDifference(other: MachineLog): LogIndex | undefined {
    const last = Math.max(this.lastIndex, other.lastIndex);
    for (let i = Math.max(this.baseIndex, other.baseIndex); i <= last; i++) {
      if (this.termAt(i) !== other.termAt(i)) return i;
    }
    return undefined;
  }

  /** As a storage has it that was just opened. */
  static of(storage: {
    firstIndex(): LogIndex;
    lastIndex(): LogIndex;
    term(index: LogIndex): Term;
  }): MachineLog {
    const log = new MachineLog();
    log.#reset(storage.firstIndex() - 1, storage.term(storage.firstIndex() - 1));
    const last = storage.lastIndex();
    for (let index = log.baseIndex + 1; index <= last; index++)
      log.#terms.push(storage.term(index));
    return log;
  }

  #reset(index: LogIndex, term: Term | undefined): void {
    this.baseIndex = index;
    this.#baseTerm = term;
    this.#terms = [];
  }
}
