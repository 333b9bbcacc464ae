/**
 * One record of the log: what one write carries. Everything that waits is merged into one record, one
 * write, one sync; the next write begins only when that sync is done. So at any moment at most the last
 * record of the log can be unfinished, and all the rest was acknowledged or could have been.
 *
 *     header   48  magic u32 | CRC-32 of the 40 bytes behind it u32 | version u16, kind u8, flags u8 |
 *                  group u32 | generation 8 bytes | offset in the file u32 | body length u32 |
 *                  zero sectors u32 | entry count u32 | 0 u32 | end mark u32
 *     body         [hard state: term, vote, commit u64] [base: index, term u64]
 *                  [entries: first index u64, per entry term u64, length u32, type u32; then all data]
 *     trailer  16  CRC-32 of the body u32 | offset of the record u32 | CRC-32 of generation and of the
 *                  eight bytes before u32 | end mark u32
 *
 * Why it looks like this (the judgement itself is in tail.ts):
 * - The header has a checksum of its own, so its length can be believed before the body is read.
 * - Generation (random, one per segment) and offset make a header valid in one place of one file only:
 *   an old block, or the data of an entry that looks like a header, is never taken for one.
 * - Header and trailer both begin or end with bytes that are never zero, on both sides of any sector
 *   boundary: a part that reads as zeros was never written.
 * - "Zero sectors" counts the sectors of the record that are all zero because the data is: when more
 *   are zero than that, some were never written. This is what tells a torn write from a flipped bit.
 *
 * Little endian. A reader refuses versions and flags that it does not know.
 */
import { crc32 } from 'node:zlib';
import { assert } from '../errors.ts';
import { WAL_RECORD_BYTES_MAX } from '../limits.ts';
import type { Entry, EntryType, HardState, LogIndex } from '../raft/index.ts';
import { readU64, writeU64 } from './bytes.ts';
import type { LogPosition } from './log-memory.ts';
import type { TermRun } from './term-runs.ts';

export const RECORD_VERSION = 1;
export const HEADER_BYTES = 48;
export const TRAILER_BYTES = 16;
export const RECORD_OVERHEAD_BYTES: number = HEADER_BYTES + TRAILER_BYTES;
/** What disks write wholly or not at all. Larger sectors are multiples of it. */
export const SECTOR_BYTES = 512;
export const GENERATION_BYTES = 8;

/** "QWR1"; four bytes, none of them zero. */
export const HEADER_MAGIC: Buffer = Buffer.from([0x51, 0x57, 0x52, 0x31]);
const HEADER_END = 0xa5c3b197;
/** "QWE1", as the last bytes of a record. */
export const TRAILER_MAGIC: Buffer = Buffer.from([0x51, 0x57, 0x45, 0x31]);
const GROUP = 0;
const HARD_STATE_BYTES = 24;
const BASE_BYTES = 16;
const ENTRY_HEAD_BYTES = 16;
const NO_BYTES = Buffer.alloc(0);
/** As many as are compared at once. */
const ZEROS = Buffer.alloc(64 * 1024);

export const RecordKind = { Start: 1, Batch: 2, Seal: 3 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

const Flag = { HardState: 1, Base: 2, Entries: 4, KeepsTail: 8 } as const;
const FLAGS_KNOWN = 15;

/** Where the log begins from now on; entries behind it stay only if `keepsTail`. */
export interface BaseMark extends LogPosition {
  readonly keepsTail: boolean;
}

export interface RecordContents {
  readonly kind: RecordKind;
  readonly hardState?: HardState | undefined;
  readonly base?: BaseMark | undefined;
  readonly entries?: readonly Entry[] | undefined;
  /** Of Start records only: bytes of their own, in place of entries. */
  readonly payload?: Buffer | undefined;
}

export interface RecordHeader {
  readonly version: number;
  readonly kind: number;
  readonly flags: number;
  readonly generation: Buffer;
  readonly offset: number;
  readonly bodyBytes: number;
  readonly zeroSectors: number;
  readonly entryCount: number;
}

/** Of the whole record. */
export function recordBytes(header: RecordHeader): number {
  return RECORD_OVERHEAD_BYTES + header.bodyBytes;
}

/** Bytes that a record with these contents takes on disk. */
export function recordSize(contents: RecordContents): number {
  let bytes = RECORD_OVERHEAD_BYTES + (contents.payload?.length ?? 0);
  if (contents.hardState !== undefined) bytes += HARD_STATE_BYTES;
  if (contents.base !== undefined) bytes += BASE_BYTES;
  const entries = contents.entries ?? [];
  if (entries.length > 0) bytes += 8;
  for (const entry of entries) bytes += ENTRY_HEAD_BYTES + entry.data.length;
  return bytes;
}

/** Bytes that an entry adds to a record. */
export function entryRecordBytes(entry: Entry): number {
  return ENTRY_HEAD_BYTES + entry.data.length;
}

/** Encodes into the beginning of `into`, which must be large enough, and returns that part. */
export function encodeRecord(
  contents: RecordContents,
  generation: Buffer,
  offset: number,
  into: Buffer,
): Buffer {
  const size = recordSize(contents);
  assert(size <= into.length && size <= WAL_RECORD_BYTES_MAX, 'a record must fit its buffer', {
    size,
    room: into.length,
  });
  const record = into.subarray(0, size);
  const flags = encodeBody(contents, record);
  const bodyEnd = size - TRAILER_BYTES;
  encodeTrailer(record, bodyEnd, generation, offset);
  record.fill(0, 0, HEADER_BYTES);
  HEADER_MAGIC.copy(record, 0);
  record.writeUInt16LE(RECORD_VERSION, 8);
  record.writeUInt8(contents.kind, 10);
  record.writeUInt8(flags, 11);
  record.writeUInt32LE(GROUP, 12);
  generation.copy(record, 16);
  record.writeUInt32LE(offset, 24);
  record.writeUInt32LE(bodyEnd - HEADER_BYTES, 28);
  record.writeUInt32LE(contents.entries?.length ?? 0, 36);
  record.writeUInt32LE(HEADER_END, 44);
  record.writeUInt32LE(countZeroSectors(record, offset), 32);
  record.writeUInt32LE(crc32(record.subarray(8, HEADER_BYTES)), 4);
  return record;
}

function encodeBody(contents: RecordContents, record: Buffer): number {
  let at = HEADER_BYTES;
  let flags = 0;
  const { hardState, base, entries, payload } = contents;
  if (hardState !== undefined) {
    flags |= Flag.HardState;
    writeU64(record, hardState.term, at);
    writeU64(record, hardState.vote, at + 8);
    writeU64(record, hardState.commit, at + 16);
    at += HARD_STATE_BYTES;
  }
  if (base !== undefined) {
    flags |= Flag.Base | (base.keepsTail ? Flag.KeepsTail : 0);
    writeU64(record, base.index, at);
    writeU64(record, base.term, at + 8);
    at += BASE_BYTES;
  }
  if (payload !== undefined) payload.copy(record, at);
  if (entries !== undefined && entries.length > 0) {
    flags |= Flag.Entries;
    encodeEntries(entries, record, at);
  }
  return flags;
}

function encodeEntries(entries: readonly Entry[], record: Buffer, start: number): void {
  writeU64(record, entries[0]!.index, start);
  let head = start + 8;
  let data = head + entries.length * ENTRY_HEAD_BYTES;
  for (const entry of entries) {
    writeU64(record, entry.term, head);
    record.writeUInt32LE(entry.data.length, head + 8);
    record.writeUInt32LE(entry.type, head + 12);
    record.set(entry.data, data);
    head += ENTRY_HEAD_BYTES;
    data += entry.data.length;
  }
}

function encodeTrailer(record: Buffer, at: number, generation: Buffer, offset: number): void {
  record.writeUInt32LE(crc32(record.subarray(HEADER_BYTES, at)), at);
  record.writeUInt32LE(offset, at + 4);
  record.writeUInt32LE(crc32(record.subarray(at, at + 8), crc32(generation)), at + 8);
  TRAILER_MAGIC.copy(record, at + 12);
}

/** How many sectors' parts of a record are all zero. `offset`: where the record lies in the file. */
export function countZeroSectors(record: Buffer, offset: number): number {
  let count = 0;
  let at = 0;
  while (at < record.length) {
    const end = Math.min(record.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
    if (isZero(record, at, end)) count++;
    at = end;
  }
  return count;
}

/**
 * Whether one flipped bit can turn a sector's part of the record into zeros, so that it looks as if it had
 * never been written. Rare: all the rest of that part is zeros.
 */
export function isFragile(record: Buffer, offset: number): boolean {
  let at = 0;
  while (at < record.length) {
    const end = Math.min(record.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
    if (hasOneBit(record, at, end)) return true;
    at = end;
  }
  return false;
}

function hasOneBit(bytes: Buffer, from: number, to: number): boolean {
  let at = from;
  if (isZero(bytes, at, to)) return false;
  while (bytes[at] === 0) at++;
  const first = bytes[at]!; // `at` lies before `to`: it is not all zeros
  return (first & (first - 1)) === 0 && isZero(bytes, at + 1, to);
}

export function isZero(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += ZEROS.length) {
    const end = Math.min(to, at + ZEROS.length);
    // Nearly always the first byte settles it, for a tenth of what a comparison costs.
    if (bytes[at] !== 0) return false;
    if (ZEROS.compare(bytes, at, end, 0, end - at) !== 0) return false;
  }
  return true;
}

/**
 * Any version's header at `at`, if its checksum holds. Says nothing about the body. `generation`: when it is
 * known already.
 */
export function decodeHeader(
  bytes: Buffer,
  at: number,
  generation: Buffer = Buffer.from(bytes.subarray(at + 16, at + 16 + GENERATION_BYTES)),
): RecordHeader | undefined {
  if (at + HEADER_BYTES > bytes.length) return undefined;
  if (HEADER_MAGIC.compare(bytes, at, at + 4) !== 0) return undefined;
  if (bytes.readUInt32LE(at + 44) !== HEADER_END) return undefined;
  if (bytes.readUInt32LE(at + 4) !== crc32(bytes.subarray(at + 8, at + HEADER_BYTES))) {
    return undefined;
  }
  return {
    version: bytes.readUInt16LE(at + 8),
    kind: bytes.readUInt8(at + 10),
    flags: bytes.readUInt8(at + 11),
    generation,
    offset: bytes.readUInt32LE(at + 24),
    bodyBytes: bytes.readUInt32LE(at + 28),
    zeroSectors: bytes.readUInt32LE(at + 32),
    entryCount: bytes.readUInt32LE(at + 36),
  };
}

/** A header that belongs to this place: right generation, right offset. */
export function decodeHeaderOf(
  bytes: Buffer,
  at: number,
  generation: Buffer,
  offset: number,
): RecordHeader | undefined {
  // Compared in place: a log of a million records has a million headers.
  if (at + HEADER_BYTES > bytes.length) return undefined;
  if (generation.compare(bytes, at + 16, at + 16 + GENERATION_BYTES) !== 0) return undefined;
  const header = decodeHeader(bytes, at, generation);
  return header === undefined || header.offset !== offset ? undefined : header;
}

/** Where the record begins whose trailer ends with the four bytes at `magicAt`. */
export function decodeTrailerStart(
  bytes: Buffer,
  magicAt: number,
  generation: Buffer,
): number | undefined {
  const at = magicAt - 12;
  if (at < 0 || magicAt + 4 > bytes.length) return undefined;
  const check = crc32(bytes.subarray(at, at + 8), crc32(generation));
  return bytes.readUInt32LE(at + 8) === check ? bytes.readUInt32LE(at + 4) : undefined;
}

/** Whether body and trailer are what was written with this header. */
export function isWhole(record: Buffer, header: RecordHeader): boolean {
  if (record.length !== recordBytes(header)) return false;
  const at = record.length - TRAILER_BYTES;
  if (TRAILER_MAGIC.compare(record, at + 12, at + 16) !== 0) return false;
  if (decodeTrailerStart(record, at + 12, header.generation) !== header.offset) return false;
  return record.readUInt32LE(at) === crc32(record.subarray(HEADER_BYTES, at));
}

/** The entries of a record, checked and not taken apart yet. */
export class EntryList {
  readonly first: LogIndex;
  readonly count: number;
  /** Where their term begins, and wherever it changes. */
  readonly runs: readonly TermRun[];
  readonly #body: Buffer;
  readonly #heads: number;

  private constructor(
    body: Buffer,
    at: number,
    first: LogIndex,
    count: number,
    runs: readonly TermRun[],
  ) {
    this.first = first;
    this.count = count;
    this.runs = runs;
    this.#body = body;
    this.#heads = at;
  }

  /**
   * `undefined`: lengths, terms or types make no sense; the checksum says only that they are as written.
   * A start reads every entry of the log here and nowhere else, so the loop does what it must: four
   * numbers each, and a term in full only where it is another one.
   */
  static read(body: Buffer, at: number, first: LogIndex, count: number): EntryList | undefined {
    const runs: TermRun[] = [];
    let data = at + count * ENTRY_HEAD_BYTES;
    if (data > body.length) return undefined;
    let low = -1;
    let high = -1;
    let term = 0;
    for (let position = 0, head = at; position < count; position++, head += ENTRY_HEAD_BYTES) {
      if (body.readUInt32LE(head) !== low || body.readUInt32LE(head + 4) !== high) {
        const next = readU64(body, head);
        if (next === undefined || next < term) return undefined;
        runs.push({ index: first + position, term: next });
        term = next;
        low = body.readUInt32LE(head);
        high = body.readUInt32LE(head + 4);
      }
      data += body.readUInt32LE(head + 8);
      if (body.readUInt32LE(head + 12) > 2) return undefined;
    }
    return data === body.length ? new EntryList(body, at, first, count, runs) : undefined;
  }

  /** The entries as objects; their data are views of the record. */
  decode(): Entry[] {
    const entries: Entry[] = [];
    const body = this.#body;
    let data = this.#heads + this.count * ENTRY_HEAD_BYTES;
    for (const [at, { index, term }] of this.runs.entries()) {
      const behind = this.runs[at + 1]?.index ?? this.first + this.count;
      for (let each = index; each < behind; each++) {
        const head = this.#heads + (each - this.first) * ENTRY_HEAD_BYTES;
        const end = data + body.readUInt32LE(head + 8);
        const type = body.readUInt32LE(head + 12) as EntryType;
        entries.push({ term, index: each, type, data: body.subarray(data, end) });
        data = end;
      }
    }
    return entries;
  }
}

export interface RecordBody {
  readonly hardState: HardState | undefined;
  readonly base: BaseMark | undefined;
  readonly entries: EntryList | undefined;
  /** What is left when there are no entries: the payload of Start records. */
  readonly payload: Buffer;
}

/** `undefined`: the checksum holds, but the contents are none that this version writes. */
export function decodeBody(record: Buffer, header: RecordHeader): RecordBody | undefined {
  if (header.version !== RECORD_VERSION || (header.flags & ~FLAGS_KNOWN) !== 0) return undefined;
  const body = record.subarray(0, record.length - TRAILER_BYTES);
  let at = HEADER_BYTES;
  let hardState: HardState | undefined;
  let base: BaseMark | undefined;
  if ((header.flags & Flag.HardState) !== 0) {
    if (at + HARD_STATE_BYTES > body.length) return undefined;
    const term = readU64(body, at);
    const vote = readU64(body, at + 8);
    const commit = readU64(body, at + 16);
    if (term === undefined || vote === undefined || commit === undefined) return undefined;
    hardState = { term, vote, commit };
    at += HARD_STATE_BYTES;
  }
  if ((header.flags & Flag.Base) !== 0) {
    if (at + BASE_BYTES > body.length) return undefined;
    const index = readU64(body, at);
    const term = readU64(body, at + 8);
    if (index === undefined || term === undefined) return undefined;
    base = { index, term, keepsTail: (header.flags & Flag.KeepsTail) !== 0 };
    at += BASE_BYTES;
  }
  if ((header.flags & Flag.Entries) === 0) {
    return { hardState, base, entries: undefined, payload: body.subarray(at) };
  }
  const first = at + 8 <= body.length ? readU64(body, at) : undefined;
  if (first === undefined || header.entryCount === 0) return undefined;
  const entries = EntryList.read(body, at + 8, first, header.entryCount);
  return entries === undefined ? undefined : { hardState, base, entries, payload: NO_BYTES };
}
