/**
 * The newest changes, for watches: a queue of encoded changes in segments of memory, new ones behind,
 * old ones dropped in front.
 *
 * Revisions have no gaps, so a change is found by counting from the first of its segment. What is kept
 * is decided by applied commands alone (number and bytes of changes, and the command `compact`), never
 * by what watchers have read: it is the same on every replica, and part of the snapshot, so that a
 * watcher can move to another node and miss nothing there. The newest change always stays.
 *
 * Bytes once written never change, and segments are dropped whole: a captured list of segments stays
 * readable while the history goes on. The memory of a dropped one that nobody captured is used again.
 */
import { assert } from '../errors.ts';
import { HISTORY_SEGMENT_BYTES } from '../limits.ts';
import {
  CHANGE_LENGTH_BYTES,
  changeTouches,
  decodeChange,
  eachChangedKey,
  putChangeBytes,
  writePutChange,
} from './change-codec.ts';
import type { KeyRange, KvChange } from './types.ts';

interface Segment {
  readonly bytes: Uint8Array;
  readonly firstRevision: number;
  /** Where each change begins, in order of revisions. */
  readonly offsets: number[];
  used: number;
  /** Somebody captured it: its memory is not used again. */
  isShared: boolean;
}

/**
 * How much of the past a watch can begin with: beyond either bound the oldest changes are
 * forgotten.
 */
export interface HistoryBounds {
  readonly changesMax: number;
  readonly bytesMax: number;
}

export interface CapturedHistory {
  readonly count: number;
  readonly pieces: readonly Uint8Array[];
}

export class ChangeHistory {
  readonly #bounds: HistoryBounds;
  readonly #segments: Segment[] = [];
  #compactedRevision: number;
  #revision: number;
  #bytes = 0;
  /** Of the last segment that was dropped: memory that is new costs a fault for each page of it. */
  #spare: Uint8Array | undefined;

  /** Empty, as after `revision` changes that are forgotten. */
  constructor(bounds: HistoryBounds, revision = 0) {
    this.#bounds = bounds;
    this.#compactedRevision = revision;
    this.#revision = revision;
  }

  /** The newest change that was forgotten; 0: none was. */
  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  /** The newest change. */
  get revision(): number {
    return this.#revision;
  }

  get count(): number {
    return this.#revision - this.#compactedRevision;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the next change (a copy of it), and drops the oldest ones above the bounds. */
  append(change: Uint8Array): void {
    this.load(change);
    this.#dropAbove();
  }

  /** As `append`, of what a put command did that is revision `revision + 1`. */
  appendPut(command: Uint8Array, createRevision: number, version: number): void {
    const revision = this.#revision + 1;
    const length = putChangeBytes(command, revision, createRevision, version);
    const segment = this.#segmentFor(length);
    const { bytes, used } = segment;
    writePutChange(bytes, used, length, command, revision, createRevision, version);
    this.#enter(segment, length);
    this.#dropAbove();
  }

  /** As `append`, and drops nothing: what a snapshot holds is kept as it is. */
  load(change: Uint8Array): void {
    const segment = this.#segmentFor(change.length);
    segment.bytes.set(change, segment.used);
    this.#enter(segment, change.length);
  }

  /** Forgets the changes below `revision`; not the newest one. */
  dropBelow(revision: number): void {
    const keepFrom = Math.min(revision, this.#revision);
    while (this.#compactedRevision + 1 < keepFrom) this.#dropOldest();
  }

  /** What `revision` changed in `range`. It must be held. */
  read(revision: number, range: KeyRange): KvChange {
    const { segment, start, end } = this.#locate(revision);
    const change = decodeChange(segment.bytes, start + CHANGE_LENGTH_BYTES, end, range);
    assert(change.revision === revision, 'a change stands at its place in the history', {
      revision,
      found: change.revision,
    });
    return change;
  }

  /** Whether `revision`, which must be held, changed anything in `range`. */
  touches(revision: number, range: KeyRange): boolean {
    const { segment, start, end } = this.#locate(revision);
    return changeTouches(segment.bytes, start + CHANGE_LENGTH_BYTES, end, range);
  }

  /** Shows the keys, as views, that `revision`, which must be held, changed. */
  eachKey(revision: number, visit: (key: Uint8Array) => void): void {
    const { segment, start, end } = this.#locate(revision);
    eachChangedKey(segment.bytes, start + CHANGE_LENGTH_BYTES, end, visit);
  }

  /** The history as it is now, for ever: views of it, in order, nothing between the changes. */
  capture(): CapturedHistory {
    const pieces: Uint8Array[] = [];
    for (const segment of this.#segments) {
      const skipped = Math.max(0, this.#compactedRevision + 1 - segment.firstRevision);
      const start = segment.offsets[skipped];
      segment.isShared = true;
      if (start !== undefined) pieces.push(segment.bytes.subarray(start, segment.used));
    }
    return { count: this.count, pieces };
  }

  #segmentFor(length: number): Segment {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.used + length <= last.bytes.length) return last;
    // A large change gets a segment of its own, or what it leaves free of one would be wasted.
    const isLarge = length > HISTORY_SEGMENT_BYTES / 4;
    const segment = {
      bytes: isLarge ? new Uint8Array(length) : this.#takeSpare(),
      firstRevision: this.#revision + 1,
      offsets: [],
      used: 0,
      isShared: false,
    };
    this.#segments.push(segment);
    return segment;
  }

  #takeSpare(): Uint8Array {
    const spare = this.#spare ?? new Uint8Array(HISTORY_SEGMENT_BYTES);
    this.#spare = undefined;
    return spare;
  }

  /** The bytes behind what `segment` uses are the next change. */
  #enter(segment: Segment, length: number): void {
    segment.offsets.push(segment.used);
    segment.used += length;
    this.#bytes += length;
    this.#revision++;
  }

  #dropAbove(): void {
    const { changesMax, bytesMax } = this.#bounds;
    while (this.count > 1 && (this.count > changesMax || this.#bytes > bytesMax)) {
      this.#dropOldest();
    }
  }

  #dropOldest(): void {
    const first = this.#segments[0] as Segment;
    const oldest = this.#compactedRevision + 1;
    const at = oldest - first.firstRevision;
    // Not from the change itself, which nobody has looked at for long: it is in no cache.
    const end = first.offsets[at + 1] ?? first.used;
    this.#bytes -= end - (first.offsets[at] as number);
    this.#compactedRevision = oldest;
    if (at + 1 < first.offsets.length) return;
    this.#segments.shift();
    const isUsual = first.bytes.length === HISTORY_SEGMENT_BYTES;
    if (isUsual && !first.isShared) this.#spare = first.bytes;
  }

  #locate(revision: number): { segment: Segment; start: number; end: number } {
    assert(
      revision > this.#compactedRevision && revision <= this.#revision,
      'only what the history holds is read from it',
      { revision, compacted: this.#compactedRevision, newest: this.#revision },
    );
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#segments[middle] as Segment).firstRevision <= revision) low = middle;
      else high = middle - 1;
    }
    const segment = this.#segments[low] as Segment;
    const at = revision - segment.firstRevision;
    const start = segment.offsets[at] as number;
    return { segment, start, end: segment.offsets[at + 1] ?? segment.used };
  }
}
