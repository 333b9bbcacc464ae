/**
 * Writing raftpb into a buffer that is large enough (see size.ts). Fields go out in the order of
 * their numbers. Every writer takes an offset and returns the one after what it wrote.
 */
import { LENT_BYTES_MIN } from '../../limits.ts';
import { entrySize } from '../entries.ts';
import type {
  ConfChange,
  ConfChangeV2,
  ConfState,
  Entry,
  HardState,
  Message,
  RaftId,
  Snapshot,
  SnapshotMetadata,
} from '../types.ts';
import {
  confChangeSingleSize,
  confStateSize,
  messageSize,
  metadataSize,
  snapshotSize,
} from './size.ts';
import { writeVarint } from './varint.ts';

const VARINT = 0;
const LENGTH = 2;
/** Below this a loop is faster than the call into the engine's copy routine. */
const COPY_LOOP_BYTES_MAX = 24;

function putUnsigned(buffer: Uint8Array, offset: number, field: number, value: number): number {
  if (value === 0) return offset;
  buffer[offset++] = (field << 3) | VARINT;
  return writeVarint(buffer, offset, value);
}

function putId(buffer: Uint8Array, offset: number, field: number, id: RaftId): number {
  if (id >= 0) return putUnsigned(buffer, offset, field, id);
  buffer[offset++] = (field << 3) | VARINT;
  buffer[offset++] = id === -1 ? 0xff : 0xfe;
  for (let i = 0; i < 8; i++) buffer[offset++] = 0xff;
  buffer[offset++] = 0x01;
  return offset;
}

function putFlag(buffer: Uint8Array, offset: number, field: number, flag: boolean): number {
  if (!flag) return offset;
  buffer[offset++] = (field << 3) | VARINT;
  buffer[offset++] = 1;
  return offset;
}

function putLength(buffer: Uint8Array, offset: number, field: number, length: number): number {
  buffer[offset++] = (field << 3) | LENGTH;
  return writeVarint(buffer, offset, length);
}

function putBytes(
  buffer: Uint8Array,
  offset: number,
  field: number,
  bytes: Uint8Array | undefined,
): number {
  if (bytes === undefined || bytes.length === 0) return offset;
  const { length } = bytes;
  offset = putLength(buffer, offset, field, length);
  if (length > COPY_LOOP_BYTES_MAX) buffer.set(bytes, offset);
  else for (let i = 0; i < length; i++) buffer[offset + i] = bytes[i]!;
  return offset + length;
}

/** Bytes of an entry that were left out of a buffer, to go out from where they lie. */
export interface LentBytes {
  /** Where in the buffer they belong: before the byte at this offset. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Whether an entry's data are lent by `writeMessage`, and not copied, when it is asked to. */
export function isLent(entry: Entry): boolean {
  return entry.data.length >= LENT_BYTES_MIN;
}

function putIds(buffer: Uint8Array, offset: number, field: number, ids: readonly RaftId[]): number {
  for (const id of ids) {
    buffer[offset++] = (field << 3) | VARINT;
    offset = writeVarint(buffer, offset, id);
  }
  return offset;
}

export function writeEntry(
  buffer: Uint8Array,
  offset: number,
  entry: Entry,
  lent?: LentBytes[],
): number {
  offset = putUnsigned(buffer, offset, 1, entry.type);
  offset = putUnsigned(buffer, offset, 2, entry.term);
  offset = putUnsigned(buffer, offset, 3, entry.index);
  if (lent === undefined || !isLent(entry)) return putBytes(buffer, offset, 4, entry.data);
  offset = putLength(buffer, offset, 4, entry.data.length);
  lent.push({ at: offset, bytes: entry.data });
  return offset;
}

export function writeHardState(buffer: Uint8Array, offset: number, state: HardState): number {
  offset = putUnsigned(buffer, offset, 1, state.term);
  offset = putUnsigned(buffer, offset, 2, state.vote);
  return putUnsigned(buffer, offset, 3, state.commit);
}

export function writeConfState(buffer: Uint8Array, offset: number, state: ConfState): number {
  offset = putIds(buffer, offset, 1, state.voters);
  offset = putIds(buffer, offset, 2, state.learners);
  offset = putIds(buffer, offset, 3, state.votersOutgoing);
  offset = putIds(buffer, offset, 4, state.learnersNext);
  return putFlag(buffer, offset, 5, state.autoLeave);
}

function writeMetadata(buffer: Uint8Array, offset: number, metadata: SnapshotMetadata): number {
  offset = putLength(buffer, offset, 1, confStateSize(metadata.confState));
  offset = writeConfState(buffer, offset, metadata.confState);
  offset = putUnsigned(buffer, offset, 2, metadata.index);
  return putUnsigned(buffer, offset, 3, metadata.term);
}

export function writeSnapshot(buffer: Uint8Array, offset: number, snapshot: Snapshot): number {
  offset = putBytes(buffer, offset, 1, snapshot.data);
  offset = putLength(buffer, offset, 2, metadataSize(snapshot.metadata));
  return writeMetadata(buffer, offset, snapshot.metadata);
}

export function writeConfChange(buffer: Uint8Array, offset: number, change: ConfChange): number {
  offset = putUnsigned(buffer, offset, 1, change.id);
  offset = putUnsigned(buffer, offset, 2, change.type);
  offset = putUnsigned(buffer, offset, 3, change.nodeId);
  return putBytes(buffer, offset, 4, change.context);
}

export function writeConfChangeV2(
  buffer: Uint8Array,
  offset: number,
  change: ConfChangeV2,
): number {
  offset = putUnsigned(buffer, offset, 1, change.transition);
  for (const single of change.changes) {
    offset = putLength(buffer, offset, 2, confChangeSingleSize(single));
    offset = putUnsigned(buffer, offset, 1, single.type);
    offset = putUnsigned(buffer, offset, 2, single.nodeId);
  }
  return putBytes(buffer, offset, 3, change.context);
}

/** With `lent`, the data of large entries are noted there and left out of the buffer. */
export function writeMessage(
  buffer: Uint8Array,
  offset: number,
  message: Message,
  lent?: LentBytes[],
): number {
  offset = putUnsigned(buffer, offset, 1, message.type);
  offset = putId(buffer, offset, 2, message.to);
  offset = putId(buffer, offset, 3, message.from);
  offset = putUnsigned(buffer, offset, 4, message.term);
  offset = putUnsigned(buffer, offset, 5, message.logTerm);
  offset = putUnsigned(buffer, offset, 6, message.index);
  const { entries, snapshot, responses } = message;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    offset = putLength(buffer, offset, 7, entrySize(entry));
    offset = writeEntry(buffer, offset, entry, lent);
  }
  offset = putUnsigned(buffer, offset, 8, message.commit);
  if (snapshot !== undefined) {
    offset = putLength(buffer, offset, 9, snapshotSize(snapshot));
    offset = writeSnapshot(buffer, offset, snapshot);
  }
  offset = putFlag(buffer, offset, 10, message.reject);
  offset = putUnsigned(buffer, offset, 11, message.rejectHint);
  offset = putBytes(buffer, offset, 12, message.context);
  offset = putUnsigned(buffer, offset, 13, message.vote);
  if (responses !== undefined) {
    for (const response of responses) {
      offset = putLength(buffer, offset, 14, messageSize(response));
      offset = writeMessage(buffer, offset, response);
    }
  }
  return offset;
}
