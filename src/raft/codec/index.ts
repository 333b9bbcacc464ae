/**
 * raftpb, the schema of etcd's raft (proto2), to and from the plain objects of `types.ts`. Written
 * by hand: the shapes are few, and libraries take several times as long (docs/internals/codec.md).
 *
 * What is written is the form of the newest raftpb (etcd 3.7): fields in the order of their numbers; a
 * number that is 0, a flag that is false, bytes that are empty and a snapshot that is none are left
 * out. Every generation of readers takes that, and it is the shortest. The reader takes all forms;
 * see read.ts.
 *
 * `encodeX` makes bytes of its own; `encodeInto` writes into a frame that already exists, so that a
 * transport packs many messages without a copy of each. `decodeX` returns views of its input.
 *
 * All of them throw ClusterError CODEC_INVALID, and nothing else, on input that does not fit.
 */
import { violated } from '../../errors.ts';
import type {
  ConfChange,
  ConfChangeV2,
  ConfState,
  Entry,
  HardState,
  Message,
  Snapshot,
} from '../types.ts';
import {
  readConfChange,
  readConfChangeV2,
  readConfState,
  readEntry,
  readHardState,
  readMessage,
  readSnapshot,
} from './read.ts';
import {
  checkedEntrySize,
  confChangeSize,
  confChangeV2Size,
  confStateSize,
  hardStateSize,
  messageSize,
  snapshotSize,
} from './size.ts';
import { type DecodeBudget, Reader } from './varint.ts';
import {
  isLent,
  type LentBytes,
  writeConfChange,
  writeConfChangeV2,
  writeConfState,
  writeEntry,
  writeHardState,
  writeMessage,
  writeSnapshot,
} from './write.ts';

export { DecodeBudget } from './varint.ts';
export type { LentBytes } from './write.ts';
export { checkedEntrySize as encodedEntrySize, messageSize };

type Write<T> = (buffer: Uint8Array, offset: number, value: T) => number;

function encode<T>(value: T, size: number, write: Write<T>): Uint8Array {
  const buffer = new Uint8Array(size);
  const end = write(buffer, 0, value);
  if (end !== size) {
    violated('raftpb: the size computed is not the size written', { size, end });
  }
  return buffer;
}

/**
 * Writes a message at `offset` and returns the offset after it. The buffer must have `messageSize`
 * bytes left there.
 */
export function encodeInto(message: Message, buffer: Uint8Array, offset: number): number {
  const end = writeMessage(buffer, offset, message);
  if (end > buffer.length) {
    violated('raftpb: the buffer is too small', { end, length: buffer.length });
  }
  return end;
}

/** Bytes of the message that `encodeAround` leaves out. */
export function lentSize({ entries }: Message): number {
  let size = 0;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    if (isLent(entry)) size += entry.data.length;
  }
  return size;
}

/**
 * As `encodeInto`, without the data of large entries: they are appended to `lent`, to be sent from where
 * they lie. The buffer needs `messageSize` less `lentSize`.
 */
export function encodeAround(
  message: Message,
  buffer: Uint8Array,
  offset: number,
  lent: LentBytes[],
): number {
  const end = writeMessage(buffer, offset, message, lent);
  if (end > buffer.length) {
    violated('raftpb: the buffer is too small', { end, length: buffer.length });
  }
  return end;
}

/** The message in raftpb's bytes. */
export function encodeMessage(message: Message): Uint8Array {
  return encode(message, messageSize(message), writeMessage);
}

/** Messages that came in one frame share a `budget`: what they may hold altogether. */
export function decodeMessage(bytes: Uint8Array, budget?: DecodeBudget): Message {
  return readMessage(new Reader(bytes, budget));
}

/** The entry in raftpb's bytes. */
export function encodeEntry(entry: Entry): Uint8Array {
  return encode(entry, checkedEntrySize(entry), writeEntry);
}

/** Writes an entry at `offset` and returns the offset after it; see `encodedEntrySize`. */
export function encodeEntryInto(entry: Entry, buffer: Uint8Array, offset: number): number {
  const end = writeEntry(buffer, offset, entry);
  if (end > buffer.length) {
    violated('raftpb: the buffer is too small', { end, length: buffer.length });
  }
  return end;
}

/** @throws ClusterError CODEC_INVALID. */
export function decodeEntry(bytes: Uint8Array): Entry {
  return readEntry(new Reader(bytes));
}

/** The hard state in raftpb's bytes. */
export function encodeHardState(state: HardState): Uint8Array {
  return encode(state, hardStateSize(state), writeHardState);
}

/** @throws ClusterError CODEC_INVALID. */
export function decodeHardState(bytes: Uint8Array): HardState {
  return readHardState(new Reader(bytes));
}

/** The snapshot in raftpb's bytes. */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  return encode(snapshot, snapshotSize(snapshot), writeSnapshot);
}

/** @throws ClusterError CODEC_INVALID. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  return readSnapshot(new Reader(bytes));
}

/** The membership in raftpb's bytes. */
export function encodeConfState(state: ConfState): Uint8Array {
  return encode(state, confStateSize(state), writeConfState);
}

/** @throws ClusterError CODEC_INVALID. */
export function decodeConfState(bytes: Uint8Array): ConfState {
  return readConfState(new Reader(bytes));
}

/** The change in raftpb's bytes: the data of an entry of type `ConfChange`. */
export function encodeConfChange(change: ConfChange): Uint8Array {
  return encode(change, confChangeSize(change), writeConfChange);
}

/** @throws ClusterError CODEC_INVALID. */
export function decodeConfChange(bytes: Uint8Array): ConfChange {
  return readConfChange(new Reader(bytes));
}

/** The change in raftpb's bytes: the data of an entry of type `ConfChangeV2`. */
export function encodeConfChangeV2(change: ConfChangeV2): Uint8Array {
  return encode(change, confChangeV2Size(change), writeConfChangeV2);
}

/** @throws ClusterError CODEC_INVALID. */
export function decodeConfChangeV2(bytes: Uint8Array): ConfChangeV2 {
  return readConfChangeV2(new Reader(bytes));
}
