/**
 * The bodies of the binary protocol's operations: ranges, items, pages, changes. Pure, and shared by the
 * client and the server's door. Decoded keys and values are copies: a view would keep a whole chunk of
 * the socket alive for as long as the caller keeps one small value.
 */
import { Buffer } from 'node:buffer';
import type { CommandResult } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import type { KeyRange, KeyValue, KvChange, KvEvent, RangeResult } from '../state/index.ts';
import { viewOf } from '../views.ts';
import { ByteReader, readU32, readU64, writeU32, writeU64 } from './byte-reader.ts';

/** Of an item: revisions, version and the lengths of key and value. */
const ITEM_FIXED_BYTES = 32;
/** Of the answer to `get`: the revision, and whether there is an item. */
const GET_HEAD_BYTES = 9;
/** Copied byte by byte, which is cheaper than a view of them. */
const SHORT_BYTES_MAX = 32;
const EVENT_PUT = 1;
const EVENT_DELETE = 2;

/** First byte of an item of a watch. */
const STREAM_ITEM = { started: 1, change: 2, heartbeat: 3 } as const;

// ---- ranges -------------------------------------------------------------------------------------

function rangeBytes(range: KeyRange): number {
  return 5 + range.start.length + (range.end === undefined ? 0 : 4 + range.end.length);
}

function writeRange(into: Buffer, range: KeyRange, at: number): void {
  into[at] = range.end === undefined ? 0 : 1;
  const next = writeBlob(into, range.start, at + 1);
  if (range.end !== undefined) writeBlob(into, range.end, next);
}

function readRange(reader: ByteReader): KeyRange {
  const hasEnd = reader.flag();
  const start = copyOf(reader.blob());
  return hasEnd ? { start, end: copyOf(reader.blob()) } : { start };
}

function writeBlob(into: Uint8Array, bytes: Uint8Array, at: number): number {
  writeU32(into, bytes.length, at);
  into.set(bytes, at + 4);
  return at + 4 + bytes.length;
}

function copyOf(view: Uint8Array): Uint8Array {
  return new Uint8Array(view);
}

function copyFrom(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  if (length > SHORT_BYTES_MAX) {
    return new Uint8Array(viewOf(bytes, start, end));
  }
  const copy = new Uint8Array(length);
  for (let at = 0; at < length; at++) copy[at] = bytes[start + at]!;
  return copy;
}

// ---- requests -----------------------------------------------------------------------------------

/** Body of the request `range`. */
export interface RangeRequest {
  readonly range: KeyRange;
  /** 0: the most. */
  readonly limit: number;
  readonly keysOnly: boolean;
}

/** Body of the request `range`, as the client sends it. */
export function encodeRangeRequest(request: RangeRequest): Buffer {
  const out = Buffer.allocUnsafe(5 + rangeBytes(request.range));
  out.writeUInt32BE(request.limit, 0);
  out[4] = request.keysOnly ? 1 : 0;
  writeRange(out, request.range, 5);
  return out;
}

/** The other way. @throws ClusterError CODEC_INVALID. */
export function decodeRangeRequest(body: Uint8Array): RangeRequest {
  const reader = new ByteReader(body);
  const limit = reader.u32();
  const keysOnly = reader.flag();
  const range = readRange(reader);
  reader.end();
  return { range, limit, keysOnly };
}

/**
 * Body of the request `watch`. `credit`: bytes of items that may be sent before more is granted.
 */
export interface WatchRequest {
  readonly range: KeyRange;
  readonly credit: number;
  /** 0: the one after the present. */
  readonly from: number;
}

/** Body of the request `watch`, as the client sends it. */
export function encodeWatchRequest(request: WatchRequest): Buffer {
  const out = Buffer.allocUnsafe(12 + rangeBytes(request.range));
  out.writeUInt32BE(request.credit, 0);
  writeU64(out, request.from, 4);
  writeRange(out, request.range, 12);
  return out;
}

/** The other way. @throws ClusterError CODEC_INVALID. */
export function decodeWatchRequest(body: Uint8Array): WatchRequest {
  const reader = new ByteReader(body);
  const credit = reader.u32();
  const from = reader.u64();
  const range = readRange(reader);
  reader.end();
  return { range, credit, from };
}

/** A body that is one number below 2^32: more credit. */
export function encodeU32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeUInt32BE(value, 0);
  return out;
}

/** The other way. @throws ClusterError CODEC_INVALID. */
export function decodeU32(body: Uint8Array): number {
  const reader = new ByteReader(body);
  const value = reader.u32();
  reader.end();
  return value;
}

/** A body that is one safe integer: a session. */
export function encodeU64(value: number): Buffer {
  const out = Buffer.allocUnsafe(8);
  writeU64(out, value, 0);
  return out;
}

/** The other way. @throws ClusterError CODEC_INVALID. */
export function decodeU64(body: Uint8Array): number {
  const reader = new ByteReader(body);
  const value = reader.u64();
  reader.end();
  return value;
}

// ---- answers ------------------------------------------------------------------------------------

/** Of the answer to `propose`, what goes before the machine's result bytes. */
export const PROPOSE_HEAD_BYTES = 12;

/** The same, into room of PROPOSE_HEAD_BYTES at `at`; returns where the result's bytes go. */
export function writeProposeHead(
  into: Uint8Array,
  index: number,
  code: number,
  at: number,
): number {
  writeU64(into, index, at);
  writeU32(into, code, at + 8);
  return at + PROPOSE_HEAD_BYTES;
}

/** The same as bytes of its own. */
export function encodeProposeHead(index: number, code: number): Buffer {
  const out = Buffer.allocUnsafe(PROPOSE_HEAD_BYTES);
  writeProposeHead(out, index, code, 0);
  return out;
}

/**
 * The answer to `propose`: where the command stands, and what the machine said. @throws
 * ClusterError CODEC_INVALID.
 */
export function decodePropose(body: Uint8Array): CommandResult & { readonly index: number } {
  const reader = new ByteReader(body);
  return { index: reader.u64(), code: reader.u32(), bytes: reader.rest() };
}

function itemBytes(item: KeyValue): number {
  return ITEM_FIXED_BYTES + item.key.length + item.value.length;
}

function writeItem(into: Uint8Array, item: KeyValue, at: number): number {
  writeU64(into, item.createRevision, at);
  writeU64(into, item.modRevision, at + 8);
  writeU64(into, item.version, at + 16);
  return writeBlob(into, item.value, writeBlob(into, item.key, at + 24));
}

function readItem(reader: ByteReader): KeyValue {
  const [createRevision, modRevision, version] = [reader.u64(), reader.u64(), reader.u64()];
  const key = copyOf(reader.blob());
  const value = copyOf(reader.blob());
  return { key, value, createRevision, modRevision, version };
}

/** Bytes of the answer to `get`. */
export function getAnswerBytes(item: KeyValue | undefined): number {
  return item === undefined ? GET_HEAD_BYTES : GET_HEAD_BYTES + itemBytes(item);
}

/**
 * The answer to `get`, into room of `getAnswerBytes` at `at`; returns where it ends. `revision` is the
 * store's when it was read.
 */
export function writeGetAnswer(
  into: Uint8Array,
  item: KeyValue | undefined,
  revision: number,
  at: number,
): number {
  writeU64(into, revision, at);
  into[at + 8] = item === undefined ? 0 : 1;
  const end = at + GET_HEAD_BYTES;
  return item === undefined ? end : writeItem(into, item, end);
}

/** The same as bytes of its own. */
export function encodeGetAnswer(item: KeyValue | undefined, revision: number): Buffer {
  const out = Buffer.allocUnsafe(getAnswerBytes(item));
  writeGetAnswer(out, item, revision, 0);
  return out;
}

/** The other way. @throws ClusterError CODEC_INVALID. */
export function decodeGetAnswer(body: Uint8Array): {
  item: KeyValue | undefined;
  revision: number;
} {
  const reader = new ByteReader(body);
  const revision = reader.u64();
  const item = reader.flag() ? readItem(reader) : undefined;
  reader.end();
  return { item, revision };
}

/**
 * The item of an answer to `get` that lies in `bytes` from `start` to `end`, read where it lies; what is
 * not right there is refused as `decodeGetAnswer` does. @throws ClusterError CODEC_INVALID.
 */
export function readGotItem(bytes: Buffer, start: number, end: number): KeyValue | undefined {
  const itemAt = start + GET_HEAD_BYTES;
  const keyAt = itemAt + ITEM_FIXED_BYTES - 4;
  if (keyAt <= end && bytes[start + 8] === 1) {
    const valueAt = keyAt + readU32(bytes, itemAt + 24) + 4;
    if (valueAt <= end && valueAt + readU32(bytes, valueAt - 4) === end) {
      // The store's revision is only looked at: it is wanted by nobody here, but must be one.
      readU64(bytes, start);
      return {
        key: copyFrom(bytes, keyAt, valueAt - 4),
        value: copyFrom(bytes, valueAt, end),
        createRevision: readU64(bytes, itemAt),
        modRevision: readU64(bytes, itemAt + 8),
        version: readU64(bytes, itemAt + 16),
      };
    }
  }
  return decodeGetAnswer(bytes.subarray(start, end)).item;
}

/** The answer to `range`. */
export function encodePage(page: RangeResult): Buffer {
  let size = 13;
  for (const item of page.items) size += itemBytes(item);
  const out = Buffer.allocUnsafe(size);
  writeU64(out, page.revision, 0);
  out[8] = page.more ? 1 : 0;
  out.writeUInt32BE(page.items.length, 9);
  let at = 13;
  for (const item of page.items) at = writeItem(out, item, at);
  return out;
}

/** The other way. @throws ClusterError CODEC_INVALID. */
export function decodePage(body: Uint8Array): RangeResult {
  const reader = new ByteReader(body);
  const revision = reader.u64();
  const more = reader.flag();
  const count = reader.u32();
  const items: KeyValue[] = [];
  for (let left = count; left > 0; left--) items.push(readItem(reader));
  reader.end();
  return { items, more, revision };
}

// ---- the items of a watch -----------------------------------------------------------------------

/**
 * What comes over a watch: first that it began, then changes, and in quiet times how far it has
 * looked.
 */
export type WatchItem =
  | { readonly kind: 'started'; readonly revision: number }
  | { readonly kind: 'change'; readonly change: KvChange }
  /** Everything up to `revision` was sent, or did not concern the watch. */
  | { readonly kind: 'heartbeat'; readonly revision: number };

/** The first item of a watch: `revision` is the one before the first that is watched. */
export function encodeStarted(revision: number): Buffer {
  const out = Buffer.allocUnsafe(9);
  out[0] = STREAM_ITEM.started;
  writeU64(out, revision, 1);
  return out;
}

/** Nothing up to `revision` is still to come. */
export function encodeHeartbeat(revision: number): Buffer {
  const out = Buffer.allocUnsafe(9);
  out[0] = STREAM_ITEM.heartbeat;
  writeU64(out, revision, 1);
  return out;
}

/** All events of one revision. */
export function encodeChange(change: KvChange): Buffer {
  let size = 13;
  for (const event of change.events) {
    size += event.kind === 'put' ? 1 + itemBytes(event.item) : 13 + event.key.length;
  }
  const out = Buffer.allocUnsafe(size);
  out[0] = STREAM_ITEM.change;
  writeU64(out, change.revision, 1);
  out.writeUInt32BE(change.events.length, 9);
  let at = 13;
  for (const event of change.events) at = writeEvent(out, event, at);
  return out;
}

function writeEvent(into: Buffer, event: KvEvent, at: number): number {
  if (event.kind === 'put') {
    into[at] = EVENT_PUT;
    return writeItem(into, event.item, at + 1);
  }
  into[at] = EVENT_DELETE;
  writeU64(into, event.modRevision, at + 1);
  return writeBlob(into, event.key, at + 9);
}

function readEvent(reader: ByteReader): KvEvent {
  const kind = reader.u8();
  if (kind === EVENT_PUT) return { kind: 'put', item: readItem(reader) };
  if (kind !== EVENT_DELETE) {
    throw new ClusterError('CODEC_INVALID', `event of kind ${kind} is not known`);
  }
  const modRevision = reader.u64();
  return { kind: 'delete', key: copyOf(reader.blob()), modRevision };
}

/** Any item of a watch. @throws ClusterError CODEC_INVALID. */
export function decodeWatchItem(body: Uint8Array): WatchItem {
  const reader = new ByteReader(body);
  const kind = reader.u8();
  if (kind < STREAM_ITEM.started || kind > STREAM_ITEM.heartbeat) {
    throw new ClusterError('CODEC_INVALID', `item of kind ${kind} in a watch is not known`);
  }
  const revision = reader.u64();
  if (kind !== STREAM_ITEM.change) {
    reader.end();
    return { kind: kind === STREAM_ITEM.started ? 'started' : 'heartbeat', revision };
  }
  const events: KvEvent[] = [];
  for (let left = reader.u32(); left > 0; left--) events.push(readEvent(reader));
  reader.end();
  return { kind: 'change', change: { revision, events } };
}
