/**
 * How many bytes each message takes. Sizes are computed first and bytes written after, so that a
 * transport can reserve one buffer for many messages, and so that a length prefix is written once.
 *
 * Presence follows the newest raftpb: what is 0, empty or false is not written. Older writers put
 * zeros on the wire; the reader takes both. This is also where values are checked: a number that is
 * not a safe integer of at least 0 is refused here, before a byte of it is written.
 */
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
import { checkUnsigned, varintSize } from './varint.ts';

/** The two storage threads' ids lie at the top of uint64: ten bytes. */
const SENTINEL_BYTES = 10;

/** A scalar field with a one-byte tag. */
function unsignedFieldSize(value: number, name: string): number {
  if (value === 0) return 0;
  checkUnsigned(value, name);
  return 1 + varintSize(value);
}

function idFieldSize(id: RaftId, name: string): number {
  return id === -1 || id === -2 ? 1 + SENTINEL_BYTES : unsignedFieldSize(id, name);
}

/** Tag, length and content of a nested message or of bytes. */
function nestedSize(length: number): number {
  return 1 + varintSize(length) + length;
}

function bytesFieldSize(bytes: Uint8Array | undefined): number {
  return bytes === undefined || bytes.length === 0 ? 0 : nestedSize(bytes.length);
}

function idListSize(ids: readonly RaftId[], name: string): number {
  let size = 0;
  for (const id of ids) {
    checkUnsigned(id, name);
    size += 1 + varintSize(id);
  }
  return size;
}

/**
 * Bytes of the entry in raftpb's form: what `maxSizePerMsg` counts. @throws ClusterError
 * CODEC_INVALID where a number is out of range.
 */
export function checkedEntrySize(entry: Entry): number {
  checkUnsigned(entry.term, 'entry.term');
  checkUnsigned(entry.index, 'entry.index');
  return entrySize(entry);
}

export function hardStateSize(state: HardState): number {
  return (
    unsignedFieldSize(state.term, 'hardState.term') +
    unsignedFieldSize(state.vote, 'hardState.vote') +
    unsignedFieldSize(state.commit, 'hardState.commit')
  );
}

export function confStateSize(state: ConfState): number {
  return (
    idListSize(state.voters, 'confState.voters') +
    idListSize(state.learners, 'confState.learners') +
    idListSize(state.votersOutgoing, 'confState.votersOutgoing') +
    idListSize(state.learnersNext, 'confState.learnersNext') +
    (state.autoLeave ? 2 : 0)
  );
}

export function metadataSize(metadata: SnapshotMetadata): number {
  return (
    nestedSize(confStateSize(metadata.confState)) +
    unsignedFieldSize(metadata.index, 'snapshot.index') +
    unsignedFieldSize(metadata.term, 'snapshot.term')
  );
}

export function snapshotSize(snapshot: Snapshot): number {
  return bytesFieldSize(snapshot.data) + nestedSize(metadataSize(snapshot.metadata));
}

export function confChangeSize(change: ConfChange): number {
  return (
    unsignedFieldSize(change.id, 'confChange.id') +
    unsignedFieldSize(change.type, 'confChange.type') +
    unsignedFieldSize(change.nodeId, 'confChange.nodeId') +
    bytesFieldSize(change.context)
  );
}

export function confChangeSingleSize(change: { type: number; nodeId: RaftId }): number {
  return (
    unsignedFieldSize(change.type, 'confChange.type') +
    unsignedFieldSize(change.nodeId, 'confChange.nodeId')
  );
}

export function confChangeV2Size(change: ConfChangeV2): number {
  let size =
    unsignedFieldSize(change.transition, 'confChange.transition') + bytesFieldSize(change.context);
  for (const single of change.changes) size += nestedSize(confChangeSingleSize(single));
  return size;
}

/** Bytes that `encodeMessage` makes of it. */
export function messageSize(message: Message): number {
  let size =
    unsignedFieldSize(message.type, 'message.type') +
    idFieldSize(message.to, 'message.to') +
    idFieldSize(message.from, 'message.from') +
    unsignedFieldSize(message.term, 'message.term') +
    unsignedFieldSize(message.logTerm, 'message.logTerm') +
    unsignedFieldSize(message.index, 'message.index') +
    unsignedFieldSize(message.commit, 'message.commit') +
    (message.reject ? 2 : 0) +
    unsignedFieldSize(message.rejectHint, 'message.rejectHint') +
    bytesFieldSize(message.context) +
    unsignedFieldSize(message.vote, 'message.vote');
  const { entries, responses } = message;
  for (let i = 0; i < entries.length; i++) size += nestedSize(checkedEntrySize(entries[i]!));
  if (message.snapshot !== undefined) size += nestedSize(snapshotSize(message.snapshot));
  if (responses !== undefined) {
    for (const response of responses) size += nestedSize(messageSize(response));
  }
  return size;
}
