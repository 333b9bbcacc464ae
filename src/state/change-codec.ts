/**
 * One change (what a revision did) as bytes, the same in memory and in a snapshot.
 *
 *     length u32 · revision · number of events · events
 *     event: 1 · key · value · createRevision · version    (put)
 *            2 · key                                       (delete)
 *
 * The length counts what is behind it. The revision of the change is the `modRevision` of its events.
 */
import { ByteReader, ByteWriter, copyBytes, uintLength, writeU32LE, writeUint } from './bytes.ts';
import { rangeHolds } from './key-ranges.ts';
import { PUT_EVENT_AT } from './put-command.ts';
import type { RecordReader, RecordRef } from './record-slabs.ts';
import type { KeyRange, KvChange, KvEvent } from './types.ts';

export const CHANGE_LENGTH_BYTES = 4;

const EventKind = { Put: 1, Delete: 2 } as const;

/** Bytes of the change that a put command alone makes. */
export function putChangeBytes(
  command: Uint8Array,
  revision: number,
  createRevision: number,
  version: number,
): number {
  const event = command.length - PUT_EVENT_AT + uintLength(createRevision) + uintLength(version);
  return CHANGE_LENGTH_BYTES + uintLength(revision) + 1 + event;
}

/**
 * Writes that change at `at`, where `length` bytes are free for it. An event begins as a put command goes
 * on behind its tag and version; so the command is copied whole, without a view of a part of it, and the
 * two bytes too many are written over.
 */
export function writePutChange(
  target: Uint8Array,
  at: number,
  length: number,
  command: Uint8Array,
  revision: number,
  createRevision: number,
  version: number,
): void {
  const eventAt = at + CHANGE_LENGTH_BYTES + uintLength(revision) + 1;
  target.set(command, eventAt - PUT_EVENT_AT);
  writeU32LE(target, at, length - CHANGE_LENGTH_BYTES);
  writeUint(target, at + CHANGE_LENGTH_BYTES, revision);
  target[eventAt - 1] = 1;
  const end = writeUint(target, eventAt + command.length - PUT_EVENT_AT, createRevision);
  writeUint(target, end, version);
}

/** Collects the events of one change while it is being applied. */
export class ChangeWriter {
  readonly #events: ByteWriter = new ByteWriter();
  readonly #whole: ByteWriter = new ByteWriter();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  put(ref: RecordRef, records: RecordReader): void {
    this.#count++;
    this.#events.u8(EventKind.Put).blob(records.key(ref)).blob(records.value(ref));
    this.#events.uint(records.createRevision(ref)).uint(records.version(ref));
  }

  delete(key: Uint8Array): void {
    this.#count++;
    this.#events.u8(EventKind.Delete).blob(key);
  }

  clear(): void {
    this.#count = 0;
    this.#events.clear();
  }

  /** The change whole, valid until the next use; the writer is empty again. */
  finish(revision: number): Uint8Array {
    const head = this.#whole;
    head.clear();
    head.uint(revision).uint(this.#count);
    const headLength = head.length;
    const length = headLength + this.#events.length;
    const numbers = copyBytes(head.peek());
    head.clear();
    head.u32(length).raw(numbers).raw(this.#events.peek());
    this.clear();
    return head.peek();
  }
}

/** The events of the change at `[start, end)` (behind its length) whose keys are in `range`. */
export function decodeChange(
  bytes: Uint8Array,
  start: number,
  end: number,
  range: KeyRange,
): KvChange {
  const reader = new ByteReader(bytes, 'DATA_CORRUPT', 'change in the history', start, end);
  const revision = reader.uint('revision');
  const events: KvEvent[] = [];
  for (let count = reader.count('events'); count > 0; count--) {
    const kind = reader.u8('kind of event');
    const key = reader.blob('key');
    const isWanted = rangeHolds(range, key);
    if (kind === EventKind.Delete) {
      if (isWanted) events.push({ kind: 'delete', key: copyBytes(key), modRevision: revision });
      continue;
    }
    const value = reader.blob('value');
    const createRevision = reader.uint('createRevision');
    const version = reader.uint('version');
    if (!isWanted) continue;
    const item = { key: copyBytes(key), value: copyBytes(value), createRevision, version };
    events.push({ kind: 'put', item: { ...item, modRevision: revision } });
  }
  return { revision, events };
}

/** Whether the change has an event in `range`; makes nothing, for searches through many. */
export function changeTouches(
  bytes: Uint8Array,
  start: number,
  end: number,
  range: KeyRange,
): boolean {
  const reader = new ByteReader(bytes, 'DATA_CORRUPT', 'change in the history', start, end);
  reader.uint('revision');
  for (let count = reader.count('events'); count > 0; count--) {
    const kind = reader.u8('kind of event');
    if (rangeHolds(range, reader.blob('key'))) return true;
    if (kind === EventKind.Delete) continue;
    reader.skipBlob('value');
    reader.uint('createRevision');
    reader.uint('version');
  }
  return false;
}

/** Shows the keys of all events, as views. */
export function eachChangedKey(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (key: Uint8Array) => void,
): void {
  const reader = new ByteReader(bytes, 'DATA_CORRUPT', 'change in the history', start, end);
  reader.uint('revision');
  for (let count = reader.count('events'); count > 0; count--) {
    const kind = reader.u8('kind of event');
    visit(reader.blob('key'));
    if (kind === EventKind.Delete) continue;
    reader.skipBlob('value');
    reader.uint('createRevision');
    reader.uint('version');
  }
}

/** Checks a change that came from a snapshot, whole; answers its revision. */
export function checkChange(bytes: Uint8Array, start: number, end: number): number {
  const reader = new ByteReader(bytes, 'DATA_CORRUPT', 'change in the snapshot', start, end);
  const revision = reader.uint('revision');
  const count = reader.count('events');
  if (count === 0) reader.fail('has no events');
  for (let left = count; left > 0; left--) {
    const kind = reader.u8('kind of event');
    if (kind !== EventKind.Put && kind !== EventKind.Delete) reader.fail(`has an event ${kind}`);
    reader.skipBlob('key');
    if (kind === EventKind.Delete) continue;
    reader.skipBlob('value');
    reader.uint('createRevision');
    reader.uint('version');
  }
  reader.done();
  return revision;
}
