/**
 * The whole log as the algorithm sees it: the stored part, the part that is still being written on
 * top of it, and three marks.
 *
 *     first ............ applied ... applying ... committed ........ last
 *
 * applied: the state machine has reported it. applying: handed out to the state machine. committed:
 * known to be on a quorum; it never falls, and nothing at or below it is ever replaced (NASTY 13) -
 * a leader that would do so is a broken cluster, and the node stops.
 *
 * With synchronous storage, entries may be applied as soon as they are committed, since the caller
 * writes before it applies. With asynchronous storage only durable entries are applied, or a crash
 * could leave a state machine ahead of its own log.
 */
import { assert, violated } from '../errors.ts';
import { RAFT_MESSAGE_ENTRIES_MAX } from '../limits.ts';
import { entriesSize, limitEntries, NO_ENTRIES } from './entries.ts';
import { LogReads } from './log-reads.ts';
import type { Entry, LogIndex, LogStorage, Snapshot, Term } from './types.ts';
import { UnappliedChanges } from './unapplied-changes.ts';
import { Unstable } from './unstable.ts';

export class RaftLog {
  readonly storage: LogStorage;
  readonly unstable: Unstable;
  readonly reads: LogReads = new LogReads();
  readonly #changes: UnappliedChanges;
  committed: LogIndex;
  applying: LogIndex;
  applied: LogIndex;
  /** Bounds the encoded size of what was handed out to the state machine and not reported back. */
  readonly #applyingBytesMax: number;
  #applyingBytes = 0;
  #isApplyPaused = false;

  constructor(storage: LogStorage, applyingBytesMax: number) {
    this.storage = storage;
    this.#applyingBytesMax = applyingBytesMax;
    const lastIndex = storage.lastIndex();
    const base = storage.firstIndex() - 1;
    this.unstable = new Unstable(lastIndex + 1);
    this.#changes = new UnappliedChanges(lastIndex);
    this.committed = base;
    this.applying = base;
    this.applied = base;
  }

  firstIndex(): LogIndex {
    const snapshot = this.unstable.snapshot;
    return snapshot === undefined ? this.storage.firstIndex() : snapshot.metadata.index + 1;
  }

  lastIndex(): LogIndex {
    return this.unstable.lastIndex() ?? this.storage.lastIndex();
  }

  lastTerm(): Term {
    const term = this.term(this.lastIndex());
    assert(term !== undefined, 'the last entry has no term', { lastIndex: this.lastIndex() });
    return term;
  }

  /**
   * The term of an entry, or of the one just before the first, which is gone but still needed to
   * match a follower's log. undefined outside that range.
   */
  term(index: LogIndex): Term | undefined {
    const term = this.unstable.term(index);
    if (term !== undefined) return term;
    if (index > this.lastIndex() || index + 1 < this.firstIndex()) return undefined;
    return this.storage.term(index);
  }

  matchTerm(index: LogIndex, term: Term): boolean {
    return this.term(index) === term;
  }

  /** Whether a log that ends at (index, term) has at least what this one has (paper 5.4.1). */
  isUpToDate(index: LogIndex, term: Term): boolean {
    const lastTerm = this.lastTerm();
    return term > lastTerm || (term === lastTerm && index >= this.lastIndex());
  }

  // ---- writing ----------------------------------------------------------------------------------

  /** Adds entries at the end, or over an uncommitted tail. Returns the last index. */
  append(entries: readonly Entry[]): LogIndex {
    const first = entries[0];
    if (first === undefined) return this.lastIndex();
    if (first.index <= this.committed) {
      violated('a committed entry would be replaced', {
        index: first.index,
        committed: this.committed,
      });
    }
    this.unstable.truncateAndAppend(entries);
    this.#changes.appended(entries);
    return first.index + entries.length - 1;
  }

  /**
   * A leader's entries after (prevIndex, prevTerm). Returns the last index that is now known to be
   * the leader's (NASTY 12: not the end of this log), or undefined when the logs do not meet there.
   * What is here already stays untouched, whatever order messages arrive in.
   */
  maybeAppend(
    prevIndex: LogIndex,
    prevTerm: Term,
    entries: readonly Entry[],
    leaderCommit: LogIndex,
  ): LogIndex | undefined {
    if (!this.matchTerm(prevIndex, prevTerm)) return undefined;
    const last = prevIndex + entries.length;
    const known = this.#countKnown(entries);
    if (known < entries.length) this.append(known === 0 ? entries : entries.slice(known));
    this.commitTo(Math.min(leaderCommit, last));
    return last;
  }

  /** How many of the entries, from the first on, this log has with the same terms. */
  #countKnown(entries: readonly Entry[]): number {
    const last = this.lastIndex();
    let count = 0;
    while (count < entries.length) {
      const { index, term } = entries[count]!;
      if (index > last || this.term(index) !== term) break;
      count += 1;
    }
    return count;
  }

  /**
   * The highest index up to `index` whose term is at most `term`, and that term. A log that refuses
   * (index, term) can only match there or below, so probing skips whole terms (NASTY 16). What is
   * not known any more, or not yet, may match: it is answered with term 0.
   *
   * Terms never fall along a log, so halving finds it: a tail of a million entries that a peer does
   * not share costs twenty looks at each refusal, on either side.
   */
  findConflictByTerm(index: LogIndex, term: Term): { index: LogIndex; term: Term } {
    // The lowest index whose term is known: it is that of the entry before the first.
    const oldest = this.firstIndex() - 1;
    if (index < oldest || index > this.lastIndex()) return { index, term: 0 };
    if (this.#knownTerm(oldest) > term) return { index: Math.max(0, oldest - 1), term: 0 };
    let low = oldest;
    let high = index;
    while (low < high) {
      const middle = high - Math.floor((high - low) / 2);
      if (this.#knownTerm(middle) <= term) low = middle;
      else high = middle - 1;
    }
    return { index: low, term: this.#knownTerm(low) };
  }

  #knownTerm(index: LogIndex): Term {
    const term = this.term(index);
    assert(term !== undefined, 'an entry inside the log has no term', { index });
    return term;
  }

  /** Everything before the snapshot is settled by it; the entries are void. */
  restore(snapshot: Snapshot): void {
    this.committed = snapshot.metadata.index;
    this.unstable.restore(snapshot);
    this.#changes.restored();
  }

  // ---- committing -------------------------------------------------------------------------------

  commitTo(index: LogIndex): void {
    if (index <= this.committed) return;
    if (index > this.lastIndex()) {
      violated('commit beyond the log: was the log truncated or lost?', {
        commit: index,
        lastIndex: this.lastIndex(),
      });
    }
    this.committed = index;
  }

  /** Commits up to `index` if that entry is of `term`, the leader's own (paper 5.4.2, NASTY 11). */
  maybeCommit(index: LogIndex, term: Term): boolean {
    if (index <= this.committed || term === 0 || this.term(index) !== term) return false;
    this.commitTo(index);
    return true;
  }

  // ---- applying ---------------------------------------------------------------------------------

  get hasPendingSnapshot(): boolean {
    return this.unstable.snapshot !== undefined;
  }

  hasNextCommitted(allowUnstable: boolean): boolean {
    if (this.#isApplyPaused || this.hasPendingSnapshot) return false;
    if (this.applying >= this.#appliableTo(allowUnstable)) return false;
    return !this.reads.isApplyWaiting(this.applying + 1);
  }

  /** Committed entries that were not handed out yet, as many as the bound allows. */
  nextCommitted(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return NO_ENTRIES;
    const lo = this.applying + 1;
    const hi = this.#appliableTo(allowUnstable) + 1;
    const entries = this.slice(lo, hi, this.#applyingBytesMax - this.#applyingBytes);
    if (entries !== undefined) return entries;
    this.reads.wantForApply(lo, Math.min(hi, this.unstable.offset));
    return NO_ENTRIES;
  }

  /** They were handed out. Pauses at the bound, or when they were cut by it. */
  acceptApplying(entries: readonly Entry[], allowUnstable: boolean): void {
    const index = entries.at(-1)!.index;
    if (index > this.committed) {
      violated('applying beyond commit', { index, commit: this.committed });
    }
    this.applying = index;
    this.#applyingBytes += entriesSize(entries);
    this.#isApplyPaused =
      this.#applyingBytes >= this.#applyingBytesMax || index < this.#appliableTo(allowUnstable);
  }

  /** The state machine has reported everything up to `index`; `bytes` of what was handed out. */
  appliedTo(index: LogIndex, bytes: number): void {
    if (index < this.applied || index > this.committed) {
      violated('applied index out of range', {
        index,
        applied: this.applied,
        committed: this.committed,
      });
    }
    this.applied = index;
    this.applying = Math.max(this.applying, index);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes);
    this.#isApplyPaused = this.#applyingBytes >= this.#applyingBytesMax;
    this.#changes.applied(index);
  }

  /** Whether a committed membership change waits to be applied; when in doubt, yes. */
  hasUnappliedChanges(): boolean {
    return this.#changes.isAnyIn(this.applied, this.committed, (lo, hi) =>
      this.slice(lo, hi, this.#applyingBytesMax),
    );
  }

  #appliableTo(allowUnstable: boolean): LogIndex {
    if (allowUnstable) return this.committed;
    return Math.min(this.committed, this.unstable.offset - 1);
  }

  // ---- reading ----------------------------------------------------------------------------------

  /** From `lo` on what one append may hold, within `maxBytes`; undefined when `lo` is not in memory. */
  entriesFrom(lo: LogIndex, maxBytes: number): readonly Entry[] | undefined {
    const hi = Math.min(this.lastIndex() + 1, lo + RAFT_MESSAGE_ENTRIES_MAX);
    return lo < hi ? this.slice(lo, hi, maxBytes) : NO_ENTRIES;
  }

  /**
   * `[lo, hi)` within `maxBytes`, at least one entry. The stored part may come short because the
   * rest is not in memory; then the unstable part must not be joined to it.
   */
  slice(lo: LogIndex, hi: LogIndex, maxBytes: number): readonly Entry[] | undefined {
    if (lo < this.firstIndex() || hi > this.lastIndex() + 1) {
      violated('slice outside the log', {
        lo,
        hi,
        firstIndex: this.firstIndex(),
        lastIndex: this.lastIndex(),
      });
    }
    if (lo >= hi) return NO_ENTRIES;
    const { offset } = this.unstable;
    if (lo >= offset) return limitEntries(this.unstable.slice(lo, hi), maxBytes);
    const cut = Math.min(hi, offset);
    const stored = this.storage.entries(lo, cut, maxBytes);
    if (stored === undefined || hi <= offset || stored.length < cut - lo) return stored;
    const size = entriesSize(stored);
    if (size >= maxBytes) return stored;
    const rest = limitEntries(this.unstable.slice(offset, hi), maxBytes - size);
    if (rest.length === 1 && size + entriesSize(rest) > maxBytes) return stored;
    return [...stored, ...rest];
  }
}
