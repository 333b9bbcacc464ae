/**
 * The log as the core sees it: synchronous, from memory. What is always here: where the log begins and
 * ends, the term of every entry (as runs), the hard state. What is bounded: the entries themselves, as
 * a window of the newest and a cache of blocks read back from the disk; a miss answers `undefined`.
 *
 * `MemoryStorage` and `DiskStorage` share this class, so that both judge a gap, a conflict, a
 * compaction and an install alike. Rules kept here:
 * - Entries follow one another without a gap; a gap is refused and changes nothing (S-37).
 * - Nothing at or below the commit index is ever replaced (NASTY 13).
 * - `base` is the entry just before the first: its term is kept for ever (SD-12, NASTY 17).
 * - `durable` never counts an entry that was replaced in memory while its predecessor was being
 *   written (NASTY 18).
 */
import { assert, ClusterError } from '../errors.ts';
import { type Entry, type HardState, type LogIndex, NONE, type Term } from '../raft/index.ts';
import { EntryWindow, sliceWithin } from './entry-window.ts';
import { ReadCache } from './read-cache.ts';
import { type TermRun, TermRuns } from './term-runs.ts';

export const EMPTY_HARD_STATE: HardState = { term: 0, vote: 0, commit: 0 };

/** Index and term of one entry. */
export interface LogPosition {
  readonly index: LogIndex;
  readonly term: Term;
}

export interface LogContents {
  readonly base: LogPosition;
  readonly last: LogIndex;
  readonly runs: readonly TermRun[];
  readonly hardState: HardState;
}

export interface LogBounds {
  readonly cacheBytes: number;
  readonly readCacheBytes: number;
}

export class LogMemory {
  readonly window: EntryWindow = new EntryWindow();
  readonly reads: ReadCache;
  readonly #cacheBytes: number;
  readonly #runs: TermRuns = new TermRuns();
  #base: LogPosition;
  #last: LogIndex;
  #durable: LogIndex;
  #hardState: HardState;

  /** The contents are what was recovered: durable, and not in memory but for their terms. */
  constructor(bounds: LogBounds, contents: LogContents) {
    this.reads = new ReadCache(bounds.readCacheBytes);
    this.#cacheBytes = bounds.cacheBytes;
    this.#base = contents.base;
    this.#last = contents.last;
    this.#durable = contents.last;
    this.#hardState = contents.hardState;
    for (const run of contents.runs) this.#runs.add(run.index, run.term);
  }

  get base(): LogPosition {
    return this.#base;
  }

  get firstIndex(): LogIndex {
    return this.#base.index + 1;
  }

  get lastIndex(): LogIndex {
    return this.#last;
  }

  get lastTerm(): Term {
    return this.term(this.#last);
  }

  get durable(): LogIndex {
    return this.#durable;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get termRuns(): readonly TermRun[] {
    return this.#runs.list;
  }

  term(index: LogIndex): Term {
    if (index === this.#base.index) return this.#base.term;
    if (index < this.#base.index) throw compacted(index, this.firstIndex);
    if (index > this.#last) throw unavailable(index, this.#last);
    return this.#runs.at(index);
  }

  /** Whether the log has, or had, exactly this entry. */
  matches(at: LogPosition): boolean {
    return (
      at.index >= this.#base.index && at.index <= this.#last && this.term(at.index) === at.term
    );
  }

  entries(lo: LogIndex, hi: LogIndex, maxBytes: number): readonly Entry[] | undefined {
    assert(lo <= hi, 'a range of the log ends before it begins', { lo, hi });
    if (lo <= this.#base.index) throw compacted(lo, this.firstIndex);
    if (hi > this.#last + 1) throw unavailable(hi - 1, this.#last);
    if (lo === hi) return [];
    const first = this.window.first;
    if (first !== undefined && lo >= first) return this.window.slice(lo, hi, maxBytes);
    const block = this.reads.from(lo);
    if (block === undefined) return undefined;
    const end = Math.min(block.entries.length, block.at + (hi - lo));
    return sliceWithin(block.entries, block.at, end, maxBytes);
  }

  /**
   * Judges a batch without changing anything; returns the entries that count: those at or below the
   * base were compacted, hence committed and here already, and are skipped as in etcd's raft.
   */
  check(entries: readonly Entry[], hardState: HardState | undefined): readonly Entry[] {
    const kept = this.#checkEntries(entries);
    const last = kept[kept.length - 1]?.index ?? this.#last;
    if (hardState !== undefined) {
      assert(hardState.commit <= last, 'the commit index must not lie beyond the log', {
        commit: hardState.commit,
        lastIndex: last,
      });
      assert(hardState.term >= this.#hardState.term, 'the term must never fall', {
        from: this.#hardState.term,
        to: hardState.term,
      });
    }
    return kept;
  }

  /** Takes a batch that `check` has passed. */
  append(entries: readonly Entry[], hardState: HardState | undefined): void {
    const first = entries[0];
    if (first !== undefined) {
      if (first.index <= this.#last) this.#truncateFrom(first.index);
      for (const entry of entries) {
        this.#runs.add(entry.index, entry.term);
        this.window.push(entry);
      }
      this.#last = entries[entries.length - 1]!.index;
    }
    if (hardState !== undefined) this.#hardState = hardState;
  }

  /** Entries up to `index` were synced, and are still those that are in memory. */
  setDurable(index: LogIndex): void {
    this.#durable = Math.max(this.#durable, Math.min(index, this.#last));
    this.window.evict(this.#cacheBytes, this.#durable);
  }

  /** Makes `index` the base: everything up to it is gone, its term stays. */
  compact(index: LogIndex): void {
    this.#base = { index, term: this.term(index) };
    this.#runs.dropThrough(index, this.#last);
    this.window.dropThrough(index);
    this.reads.dropThrough(index);
    this.#durable = Math.max(this.#durable, index);
  }

  /** Makes a snapshot the base. Entries behind it stay if the log holds its last entry; says whether. */
  install(at: LogPosition, hardState: HardState | undefined): boolean {
    const keeps = this.matches(at);
    if (keeps) {
      this.compact(at.index);
    } else {
      this.window.truncateFrom(0);
      this.reads.clear();
      this.#runs.clear();
      // Not durable before the mark in the log is; until then only what was compacted before counts.
      this.#durable = Math.min(this.#durable, this.#base.index);
      this.#base = at;
      this.#last = at.index;
    }
    const state = hardState ?? this.#hardState;
    this.#hardState = clampHardState(state, at, this.#last);
    return keeps;
  }

  #truncateFrom(index: LogIndex): void {
    this.#runs.truncateFrom(index);
    this.window.truncateFrom(index);
    this.reads.truncateFrom(index);
    this.#last = index - 1;
    this.#durable = Math.min(this.#durable, this.#last);
  }

  #checkEntries(all: readonly Entry[]): readonly Entry[] {
    for (let i = 1; i < all.length; i++) {
      const before = all[i - 1]!;
      const entry = all[i]!;
      assert(
        entry.index === before.index + 1 && entry.term >= before.term,
        'entries of a batch must follow one another',
        { before: before.index, beforeTerm: before.term, index: entry.index, term: entry.term },
      );
    }
    const skip = all.length === 0 ? 0 : Math.max(0, this.firstIndex - all[0]!.index);
    const entries = skip === 0 ? all : all.slice(skip);
    const first = entries[0];
    if (first === undefined) return entries;
    if (first.index > this.#last + 1) {
      throw new ClusterError(
        'LOG_OUT_OF_ORDER',
        `entry ${first.index} leaves a gap: the log ends at ${this.#last}; append ${this.#last + 1} first`,
        { details: { index: first.index, lastIndex: this.#last } },
      );
    }
    assert(first.term >= this.term(first.index - 1), 'terms of the log must never fall', {
      index: first.index,
      term: first.term,
      before: this.term(first.index - 1),
    });
    assert(first.index > this.#hardState.commit, 'a committed entry must never be replaced', {
      index: first.index,
      commit: this.#hardState.commit,
    });
    return entries;
  }
}

/**
 * A hard state that agrees with a snapshot and the log: what a snapshot covers is committed, nothing
 * beyond the log is (SD-6, NASTY 36). A vote belongs to its term and goes with it.
 */
export function clampHardState(state: HardState, at: LogPosition, last: LogIndex): HardState {
  const commit = Math.min(Math.max(state.commit, at.index), Math.max(last, at.index));
  if (state.term >= at.term) return { term: state.term, vote: state.vote, commit };
  return { term: at.term, vote: NONE, commit };
}

export function compacted(index: LogIndex, firstIndex: LogIndex): ClusterError {
  return new ClusterError(
    'LOG_COMPACTED',
    `log entry ${index} was compacted away: the log begins at ${firstIndex}; a snapshot covers what is before`,
    { details: { index, firstIndex } },
  );
}

export function unavailable(index: LogIndex, lastIndex: LogIndex): ClusterError {
  return new ClusterError(
    'LOG_UNAVAILABLE',
    `log entry ${index} is out of range: the log ends at ${lastIndex}`,
    { details: { index, lastIndex } },
  );
}
