/**
 * The log as its records tell it, one after the other, while a data folder is opened: where it begins and
 * ends, its terms, the last hard state, and where the entries lie. Entries themselves are not kept.
 *
 * Older segments may be gone, so a replay begins somewhere in the middle: at the position that the
 * first segment's Start names. Until the end is reached it may then miss entries that were compacted
 * later; at the end the base must reach what is missing, or a file that is needed has vanished.
 */
import type { ClusterError } from '../errors.ts';
import type { HardState, LogIndex, Term } from '../raft/index.ts';
import { EMPTY_HARD_STATE, type LogContents, type LogPosition } from './log-memory.ts';
import type { BaseMark, EntryList, RecordBody } from './record.ts';
import { type Segment, SegmentIndex, type SegmentStart } from './segment.ts';
import { corrupt } from './storage-errors.ts';
import { type TermRun, TermRuns } from './term-runs.ts';

export class LogReplay {
  readonly index: SegmentIndex = new SegmentIndex();
  readonly #runs: TermRuns = new TermRuns();
  #hardState: HardState = EMPTY_HARD_STATE;
  #base: LogPosition = { index: 0, term: 0 };
  #last: LogIndex = 0;
  /** Entries from here to `last` were seen. */
  #first: LogIndex = 1;
  /** Term of the entry before `first`; unknown when it was replaced in a segment that is gone. */
  #termBefore: Term | undefined = 0;

  get hardState(): HardState {
    return this.#hardState;
  }

  get base(): LogPosition {
    return this.#base;
  }

  get last(): LogPosition {
    return { index: this.#last, term: this.#lastTerm() ?? 0 };
  }

  /** Terms of the entries that were seen, each from its index on. */
  get runs(): readonly TermRun[] {
    return this.#runs.list;
  }

  /** A segment begins. */
  begin(segment: Segment, start: SegmentStart, body: RecordBody): void {
    if (this.index.segments.length === 0) {
      this.#last = start.last.index;
      this.#first = start.last.index + 1;
      this.#termBefore = start.last.term;
      if (body.base !== undefined) this.#base = body.base;
    } else {
      const term = this.#lastTerm();
      const isSame =
        this.#last === start.last.index && (term ?? start.last.term) === start.last.term;
      if (!isSame) {
        throw corrupt(
          segment.path,
          0,
          `it follows on entry ${start.last.index} of term ${start.last.term}, but the segment before ends with entry ${this.#last} of term ${term}`,
        );
      }
    }
    if (body.hardState !== undefined) this.#hardState = body.hardState;
    this.index.segments.push(segment);
  }

  apply(segment: Segment, body: RecordBody, offset: number, size: number): void {
    if (body.base !== undefined) this.#rebase(body.base);
    if (body.entries !== undefined) this.#append(segment, body.entries, offset, size);
    const hardState = body.hardState ?? this.#hardState;
    if (hardState.commit > this.#last) {
      throw corrupt(
        segment.path,
        offset,
        `entry ${hardState.commit} is committed, but the log ends with ${this.#last}`,
      );
    }
    this.#hardState = hardState;
  }

  /** All records were seen. */
  finish(): LogContents {
    const path = this.index.segments[0]?.path ?? 'the log';
    if (this.#base.index < this.#first - 1) throw this.#missing(path);
    if (this.#base.index > this.#last) {
      throw corrupt(
        path,
        undefined,
        `the log begins behind its end: ${this.#base.index} > ${this.#last}`,
      );
    }
    const base = this.#base;
    const known = base.index >= this.#first ? this.#runs.at(base.index) : this.#termBefore;
    if (known !== undefined && known !== base.term) {
      throw corrupt(
        path,
        0,
        `entry ${base.index} has term ${known}, but was compacted as ${base.term}`,
      );
    }
    this.#runs.dropThrough(base.index, this.#last);
    // From here on the log begins behind its base, whatever the segments still hold.
    this.#first = base.index + 1;
    this.#termBefore = base.term;
    return { base, last: this.#last, runs: this.#runs.list, hardState: this.#hardState };
  }

  #append(segment: Segment, entries: EntryList, offset: number, size: number): void {
    const first = entries.first;
    if (first > this.#last + 1 || first === 0) {
      throw corrupt(
        segment.path,
        offset,
        `its entries begin with ${first}, but the log before ends with ${this.#last}`,
      );
    }
    if (first < this.#first) {
      // The entries that this replaces lay in segments that are gone.
      this.#first = first;
      this.#termBefore = undefined;
    }
    this.#runs.truncateFrom(first);
    const before = this.#termAt(first - 1);
    for (const { index, term } of entries.runs) {
      // Inside the record it does not fall: that was checked when it was decoded.
      if (before !== undefined && term < before) {
        throw corrupt(segment.path, offset, `the term falls at entry ${index}`);
      }
      this.#runs.add(index, term);
    }
    this.#last = first + entries.count - 1;
    this.index.add(segment, first, offset, size);
  }

  #rebase(mark: BaseMark): void {
    this.#base = { index: mark.index, term: mark.term };
    if (mark.keepsTail) return;
    this.#runs.clear();
    this.index.truncateFrom(0);
    this.#last = mark.index;
    this.#first = mark.index + 1;
    this.#termBefore = mark.term;
  }

  #lastTerm(): Term | undefined {
    return this.#termAt(this.#last);
  }

  #termAt(index: LogIndex): Term | undefined {
    if (index >= this.#first) return this.#runs.at(index);
    return index === this.#first - 1 ? this.#termBefore : undefined;
  }

  #missing(path: string): ClusterError {
    return corrupt(
      path,
      0,
      `entries ${this.#base.index + 1} to ${this.#first - 1} lie in a segment before it, which is gone`,
    );
  }
}
