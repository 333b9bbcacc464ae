/**
 * The bytes of a snapshot file: a preamble, then frames, then a trailer of fixed size.
 *
 *     preamble  16  magic "QSNP", version u16, 0 u16, group u32, CRC-32 of the 12 bytes before
 *     frame     16  kind u32, length u32, CRC-32 of the data, CRC-32 of the 12 bytes before; then data
 *     trailer   32  position of the table u64, size of the file u64, CRC-32 of all before the trailer,
 *                   CRC-32 of the 20 bytes before, end mark u32, 0 u32
 *
 * Frames come in the order META (JSON: index, term, confState), then for each section SECTION (its name)
 * and any number of DATA, then TABLE (JSON: where each section begins). Every byte is under a checksum
 * of its own, so that a reader can name the place of damage, and once more under the file's, so that
 * two nodes can agree that they hold the same file. Little endian. A reader refuses other versions.
 */
import { crc32 } from 'node:zlib';
import type { ConfState, LogIndex, RaftId, Term } from '../raft/index.ts';
import { asBuffer } from '../views.ts';
import { readU64, writeU64 } from './bytes.ts';

export const SNAPSHOT_VERSION = 1;
export const PREAMBLE_BYTES = 16;
export const FRAME_HEADER_BYTES = 16;
export const TRAILER_BYTES = 32;

const MAGIC = 0x504e5351; // "QSNP"
const END = 0x444e4551; // "QEND"
const GROUP = 0;

export const FrameKind = { Meta: 1, Section: 2, Data: 3, Table: 4 } as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

export interface SnapshotMeta {
  readonly index: LogIndex;
  readonly term: Term;
  readonly confState: ConfState;
}

export interface SectionEntry {
  readonly name: string;
  /** Of the section's SECTION frame. */
  readonly position: number;
  /** Of its data, without framing. */
  readonly bytes: number;
}

export interface FrameHeader {
  readonly kind: number;
  readonly length: number;
  readonly checksum: number;
}

export function encodePreamble(): Buffer {
  const buffer = Buffer.alloc(PREAMBLE_BYTES);
  buffer.writeUInt32LE(MAGIC, 0);
  buffer.writeUInt16LE(SNAPSHOT_VERSION, 4);
  buffer.writeUInt32LE(GROUP, 8);
  buffer.writeUInt32LE(crc32(buffer.subarray(0, 12)), 12);
  return buffer;
}

/** The format's version, or `undefined` when these are not the first bytes of a snapshot file. */
export function decodePreamble(buffer: Buffer): number | undefined {
  if (buffer.length < PREAMBLE_BYTES || buffer.readUInt32LE(0) !== MAGIC) return undefined;
  if (buffer.readUInt32LE(12) !== crc32(buffer.subarray(0, 12))) return undefined;
  return buffer.readUInt16LE(4);
}

export function encodeFrameHeader(kind: FrameKind, data: Uint8Array): Buffer {
  const buffer = Buffer.alloc(FRAME_HEADER_BYTES);
  buffer.writeUInt32LE(kind, 0);
  buffer.writeUInt32LE(data.length, 4);
  buffer.writeUInt32LE(crc32(data), 8);
  buffer.writeUInt32LE(crc32(buffer.subarray(0, 12)), 12);
  return buffer;
}

export function decodeFrameHeader(bytes: Uint8Array): FrameHeader | undefined {
  if (bytes.length < FRAME_HEADER_BYTES) return undefined;
  const buffer = asBuffer(bytes);
  if (buffer.readUInt32LE(12) !== crc32(buffer.subarray(0, 12))) return undefined;
  return {
    kind: buffer.readUInt32LE(0),
    length: buffer.readUInt32LE(4),
    checksum: buffer.readUInt32LE(8),
  };
}

/** The trailer knows the size of the whole file; `contentBytes` is what comes before it. */
export function encodeTrailer(
  tablePosition: number,
  contentBytes: number,
  checksum: number,
): Buffer {
  const buffer = Buffer.alloc(TRAILER_BYTES);
  writeU64(buffer, tablePosition, 0);
  writeU64(buffer, contentBytes + TRAILER_BYTES, 8);
  buffer.writeUInt32LE(checksum, 16);
  buffer.writeUInt32LE(crc32(buffer.subarray(0, 20)), 20);
  buffer.writeUInt32LE(END, 24);
  return buffer;
}

/** `undefined`: not the trailer of a file of `fileBytes`. */
export function decodeTrailer(
  bytes: Uint8Array,
  fileBytes: number,
): { readonly tablePosition: number; readonly checksum: number } | undefined {
  if (bytes.length !== TRAILER_BYTES) return undefined;
  const buffer = asBuffer(bytes);
  if (buffer.readUInt32LE(24) !== END) return undefined;
  if (buffer.readUInt32LE(20) !== crc32(buffer.subarray(0, 20))) return undefined;
  const tablePosition = readU64(buffer, 0);
  if (tablePosition === undefined || readU64(buffer, 8) !== fileBytes) return undefined;
  return { tablePosition, checksum: buffer.readUInt32LE(16) };
}

export function encodeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

/** The file's own header: checked, because a checksum says only that the bytes are as written. */
export function parseMeta(data: Uint8Array): SnapshotMeta | undefined {
  const value = parseJson(data);
  if (!isObject(value) || !isCount(value['index']) || !isCount(value['term'])) return undefined;
  const conf = value['confState'];
  if (!isObject(conf) || typeof conf['autoLeave'] !== 'boolean') return undefined;
  const { voters, learners, votersOutgoing, learnersNext } = conf;
  if (!isIds(voters) || !isIds(learners) || !isIds(votersOutgoing) || !isIds(learnersNext)) {
    return undefined;
  }
  const confState = {
    voters,
    learners,
    votersOutgoing,
    learnersNext,
    autoLeave: conf['autoLeave'],
  };
  return { index: value['index'], term: value['term'], confState };
}

export function parseTable(data: Uint8Array): readonly SectionEntry[] | undefined {
  const value = parseJson(data);
  if (!Array.isArray(value)) return undefined;
  const entries: SectionEntry[] = [];
  for (const item of value as unknown[]) {
    if (!isObject(item) || typeof item['name'] !== 'string') return undefined;
    if (!isCount(item['position']) || !isCount(item['bytes'])) return undefined;
    entries.push({ name: item['name'], position: item['position'], bytes: item['bytes'] });
  }
  return entries;
}

function parseJson(data: Uint8Array): unknown {
  try {
    return JSON.parse(asBuffer(data).toString('utf8'));
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isIds(value: unknown): value is RaftId[] {
  return Array.isArray(value) && value.every(isCount);
}
