/**
 * The term of every entry in the log, as runs: terms never fall from one entry to the next, and a
 * term lasts for thousands of entries, so a few pairs of numbers answer `term(index)` for the whole
 * log without ever touching the disk (the core asks for terms in the middle of every step).
 */
import { assert } from '../errors.ts';
import type { LogIndex, Term } from '../raft/index.ts';

/** Entries from `index` on, up to the next run or the end of the log, have `term`. */
export interface TermRun {
  readonly index: LogIndex;
  readonly term: Term;
}

export class TermRuns {
  #runs: TermRun[] = [];

  /** The entry at `index`, just behind the last one that was added, has `term`. */
  add(index: LogIndex, term: Term): void {
    const last = this.#runs[this.#runs.length - 1];
    if (last !== undefined) {
      if (last.term === term) return;
      assert(index > last.index && term > last.term, 'terms of the log must never fall', {
        index,
        term,
        last,
      });
    }
    this.#runs.push({ index, term });
  }

  /** Forgets the entries from `index` on. */
  truncateFrom(index: LogIndex): void {
    const runs = this.#runs;
    while (runs.length > 0 && runs[runs.length - 1]!.index >= index) runs.pop();
  }

  /** Forgets the entries up to and including `index`; `last` is the log's last index. */
  dropThrough(index: LogIndex, last: LogIndex): void {
    if (index >= last) {
      this.#runs = [];
      return;
    }
    const keep = this.#find(index + 1);
    const kept = this.#runs.slice(keep);
    if (kept[0] !== undefined && kept[0].index <= index) {
      kept[0] = { index: index + 1, term: kept[0].term };
    }
    this.#runs = kept;
  }

  clear(): void {
    this.#runs = [];
  }

  /** Only for an index inside the log. */
  at(index: LogIndex): Term {
    const run = this.#runs[this.#find(index)];
    assert(run !== undefined && run.index <= index, 'no term is known for the entry', { index });
    return run.term;
  }

  get list(): readonly TermRun[] {
    return this.#runs;
  }

  /** Position of the last run that begins at or before `index`; 0 when there is none. */
  #find(index: LogIndex): number {
    const runs = this.#runs;
    let high = runs.length - 1;
    // Nearly every question is about the newest term.
    if (high >= 0 && runs[high]!.index <= index) return high;
    let low = 0;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (runs[middle]!.index <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
