/**
 * A segment: one file of the log, and what is kept in memory about it. Its first record (Start) says
 * where it stands: the segment before it and where that one ends (so a log whose middle or end was cut
 * off is noticed), the log's position, base and hard state at that moment (so older segments can be
 * removed), and the size to which the file was to be filled. The Start record is synced before the file
 * gets its name, so a named segment always begins with a whole one: anything else is damage.
 */
import { assert } from '../errors.ts';
import type { LogIndex } from '../raft/index.ts';
import { readU64, writeU64 } from './bytes.ts';
import type { LogPosition } from './log-memory.ts';
import { GENERATION_BYTES } from './record.ts';

const START_BYTES = 56;
const NAME = /^([0-9]{10})\.wal$/;

export interface SegmentStart {
  readonly sequence: number;
  /** The segment before: its generation, and where its last record ends. 0 for the very first. */
  readonly previousGeneration: Buffer;
  readonly previousEnd: number;
  /** To be zero-filled up to here. */
  readonly segmentBytes: number;
  /** The last entry of the log when this segment began. */
  readonly last: LogPosition;
  readonly created: number;
}

export function encodeStart(start: SegmentStart): Buffer {
  const buffer = Buffer.alloc(START_BYTES);
  writeU64(buffer, start.sequence, 0);
  start.previousGeneration.copy(buffer, 8);
  writeU64(buffer, start.previousEnd, 16);
  writeU64(buffer, start.segmentBytes, 24);
  writeU64(buffer, start.last.index, 32);
  writeU64(buffer, start.last.term, 40);
  writeU64(buffer, start.created, 48);
  return buffer;
}

export function decodeStart(buffer: Buffer): SegmentStart | undefined {
  if (buffer.length !== START_BYTES) return undefined;
  const sequence = readU64(buffer, 0);
  const previousEnd = readU64(buffer, 16);
  const segmentBytes = readU64(buffer, 24);
  const index = readU64(buffer, 32);
  const term = readU64(buffer, 40);
  const created = readU64(buffer, 48);
  if (sequence === undefined || previousEnd === undefined || segmentBytes === undefined) {
    return undefined;
  }
  if (index === undefined || term === undefined || created === undefined) return undefined;
  const previousGeneration = Buffer.from(buffer.subarray(8, 8 + GENERATION_BYTES));
  return {
    sequence,
    previousGeneration,
    previousEnd,
    segmentBytes,
    last: { index, term },
    created,
  };
}

export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(10, '0')}.wal`;
}

/** `undefined`: not the name of a segment. */
export function segmentSequence(name: string): number | undefined {
  const match = NAME.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** Where the entries of one segment lie: for each record its first index, offset and size. */
export class RecordTable {
  #firsts: Float64Array = new Float64Array(64);
  #offsets: Uint32Array = new Uint32Array(64);
  #sizes: Uint32Array = new Uint32Array(64);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(first: LogIndex, offset: number, size: number): void {
    const count = this.#count;
    assert(count === 0 || this.#firsts[count - 1]! < first, 'records must be in order', { first });
    if (count === this.#firsts.length) this.#grow();
    this.#firsts[count] = first;
    this.#offsets[count] = offset;
    this.#sizes[count] = size;
    this.#count++;
  }

  /** Entries from `index` on were replaced: records that begin there or later hold nothing any more. */
  truncateFrom(index: LogIndex): void {
    while (this.#count > 0 && this.#firsts[this.#count - 1]! >= index) this.#count--;
  }

  first(record: number): LogIndex {
    return this.#firsts[record]!;
  }

  offset(record: number): number {
    return this.#offsets[record]!;
  }

  size(record: number): number {
    return this.#sizes[record]!;
  }

  /** The last record that begins at or before `index`; -1 when there is none. */
  find(index: LogIndex): number {
    let low = -1;
    let high = this.#count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#firsts[middle]! <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #grow(): void {
    const length = this.#firsts.length * 2;
    const firsts = new Float64Array(length);
    const offsets = new Uint32Array(length);
    const sizes = new Uint32Array(length);
    firsts.set(this.#firsts);
    offsets.set(this.#offsets);
    sizes.set(this.#sizes);
    this.#firsts = firsts;
    this.#offsets = offsets;
    this.#sizes = sizes;
  }
}

export interface Segment {
  readonly sequence: number;
  readonly path: string;
  readonly generation: Buffer;
  readonly segmentBytes: number;
  /** Offset behind its last record. */
  end: number;
  readonly table: RecordTable;
}

/** The entries of all segments, oldest first. */
export class SegmentIndex {
  segments: Segment[] = [];

  get active(): Segment {
    const active = this.segments[this.segments.length - 1];
    assert(active !== undefined, 'the log has a segment');
    return active;
  }

  truncateFrom(index: LogIndex): void {
    for (let i = this.segments.length - 1; i >= 0; i--) {
      const table = this.segments[i]!.table;
      table.truncateFrom(index);
      if (table.count > 0) return;
    }
  }

  add(segment: Segment, first: LogIndex, offset: number, size: number): void {
    this.truncateFrom(first);
    segment.table.add(first, offset, size);
  }

  find(index: LogIndex): { readonly segment: Segment; readonly record: number } | undefined {
    for (let i = this.segments.length - 1; i >= 0; i--) {
      const segment = this.segments[i]!;
      const record = segment.table.find(index);
      if (record >= 0) return { segment, record };
    }
    return undefined;
  }

  /** Where the entries of the record behind this one begin; infinite behind the last. */
  nextFirst(found: { readonly segment: Segment; readonly record: number }): LogIndex {
    const { segment, record } = found;
    if (record + 1 < segment.table.count) return segment.table.first(record + 1);
    return this.#nextFirst(this.segments.indexOf(segment));
  }

  /**
   * Takes out the oldest segments that hold no entry above `base`; the active one always stays.
   * A segment's entries end where the next record of a later segment begins.
   */
  dropThrough(base: LogIndex): readonly Segment[] {
    let drop = 0;
    for (let i = 0; i < this.segments.length - 1; i++) {
      if (this.segments[i]!.table.count > 0 && this.#nextFirst(i) > base + 1) break;
      drop = i + 1;
    }
    return this.segments.splice(0, drop);
  }

  #nextFirst(segment: number): LogIndex {
    for (let i = segment + 1; i < this.segments.length; i++) {
      const table = this.segments[i]!.table;
      if (table.count > 0) return table.first(0);
    }
    return Number.POSITIVE_INFINITY;
  }
}
