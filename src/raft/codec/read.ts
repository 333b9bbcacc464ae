/**
 * Reading raftpb. The input comes from the network, so it is taken to be hostile: nothing is
 * allocated ahead of the bytes that justify it, nesting is bounded, and every field is checked
 * against the end of its own message. Fields with unknown numbers are stepped over (newer peers may
 * send them); known fields with an impossible type or value are an error, because an entry type or a
 * message type that this version does not know must never be taken for another one.
 *
 * Data is not copied: entries, contexts and snapshots are views of the bytes given, which therefore
 * must not be reused while the message lives.
 *
 * A snapshot that is absent and one that is empty (index 0, as writers before v3.6 put into every
 * message) are the same: none.
 */
import { RAFT_MESSAGE_NESTING_MAX } from '../../limits.ts';
import { EMPTY_BYTES, makeEntry, NO_ENTRIES } from '../entries.ts';
import { draftMessage } from '../messages.ts';
import {
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeTransition,
  type ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type EntryType,
  type HardState,
  type Message,
  MessageType,
  type RaftId,
  type Snapshot,
  type SnapshotMetadata,
} from '../types.ts';
import type { Reader } from './varint.ts';

const MESSAGE_TYPE_MAX = MessageType.ForgetLeader;
const ENTRY_TYPE_MAX = 2;
const CONF_CHANGE_TYPE_MAX = 3;
const CONF_CHANGE_TRANSITION_MAX = 2;

const VARINT = 0;
const LENGTH = 2;

// Tags as they stand on the wire: the field's number and its wire type.
const V1 = (1 << 3) | VARINT;
const V2 = (2 << 3) | VARINT;
const V3 = (3 << 3) | VARINT;
const V4 = (4 << 3) | VARINT;
const V5 = (5 << 3) | VARINT;
const V6 = (6 << 3) | VARINT;
const V8 = (8 << 3) | VARINT;
const V10 = (10 << 3) | VARINT;
const V11 = (11 << 3) | VARINT;
const V13 = (13 << 3) | VARINT;
const L1 = (1 << 3) | LENGTH;
const L2 = (2 << 3) | LENGTH;
const L3 = (3 << 3) | LENGTH;
const L4 = (4 << 3) | LENGTH;
const L7 = (7 << 3) | LENGTH;
const L9 = (9 << 3) | LENGTH;
const L12 = (12 << 3) | LENGTH;
const L14 = (14 << 3) | LENGTH;

function enumValue(reader: Reader, max: number, field: string): number {
  const value = reader.unsigned(field);
  if (value > max) throw reader.invalid(`${field} ${value} is not known to this version`);
  return value;
}

export function readEntry(reader: Reader): Entry {
  let type = 0;
  let term = 0;
  let index = 0;
  let data = EMPTY_BYTES;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === V1) type = enumValue(reader, ENTRY_TYPE_MAX, 'entry type');
    else if (tag === V2) term = reader.unsigned('entry term');
    else if (tag === V3) index = reader.unsigned('entry index');
    else if (tag === L4) data = reader.view();
    else reader.skip(tag);
  }
  return makeEntry(term, index, type as EntryType, data);
}

export function readHardState(reader: Reader): HardState {
  let term = 0;
  let vote = 0;
  let commit = 0;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === V1) term = reader.unsigned('hard state term');
    else if (tag === V2) vote = reader.unsigned('hard state vote');
    else if (tag === V3) commit = reader.unsigned('hard state commit');
    else reader.skip(tag);
  }
  return { term, vote, commit };
}

/** One id, or a packed list of them. */
function readIds(reader: Reader, packed: boolean, into: RaftId[]): void {
  if (!packed) {
    into.push(reader.unsigned('member id'));
    return;
  }
  const parentEnd = reader.end;
  reader.end = reader.length();
  while (reader.pos < reader.end) into.push(reader.unsigned('member id'));
  reader.end = parentEnd;
}

export function readConfState(reader: Reader): ConfState {
  const lists: [RaftId[], RaftId[], RaftId[], RaftId[]] = [[], [], [], []];
  let autoLeave = false;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    const field = tag >>> 3;
    const wireType = tag & 7;
    const list = lists[field - 1];
    if (list !== undefined && (wireType === VARINT || wireType === LENGTH)) {
      readIds(reader, wireType === LENGTH, list);
    } else if (tag === V5) autoLeave = reader.flag();
    else reader.skip(tag);
  }
  const [voters, learners, votersOutgoing, learnersNext] = lists;
  return { voters, learners, votersOutgoing, learnersNext, autoLeave };
}

function readMetadata(reader: Reader): SnapshotMetadata {
  let confState: ConfState | undefined;
  let index = 0;
  let term = 0;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === L1) confState = nested(reader, readConfState);
    else if (tag === V2) index = reader.unsigned('snapshot index');
    else if (tag === V3) term = reader.unsigned('snapshot term');
    else reader.skip(tag);
  }
  return { confState: confState ?? emptyConfState(), index, term };
}

export function readSnapshot(reader: Reader): Snapshot {
  let data = EMPTY_BYTES;
  let metadata: SnapshotMetadata | undefined;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === L1) data = reader.view();
    else if (tag === L2) metadata = nested(reader, readMetadata);
    else reader.skip(tag);
  }
  return { metadata: metadata ?? { confState: emptyConfState(), index: 0, term: 0 }, data };
}

export function readConfChange(reader: Reader): ConfChange {
  let id = 0;
  let type = 0;
  let nodeId = 0;
  let context = EMPTY_BYTES;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === V1) id = reader.unsigned('conf change id');
    else if (tag === V2) type = enumValue(reader, CONF_CHANGE_TYPE_MAX, 'conf change type');
    else if (tag === V3) nodeId = reader.unsigned('conf change node id');
    else if (tag === L4) context = reader.view();
    else reader.skip(tag);
  }
  return { type: type as ConfChangeType, nodeId, context, id };
}

function readConfChangeSingle(reader: Reader): ConfChangeSingle {
  let type = 0;
  let nodeId = 0;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === V1) type = enumValue(reader, CONF_CHANGE_TYPE_MAX, 'conf change type');
    else if (tag === V2) nodeId = reader.unsigned('conf change node id');
    else reader.skip(tag);
  }
  return { type: type as ConfChangeType, nodeId };
}

export function readConfChangeV2(reader: Reader): ConfChangeV2 {
  let transition = 0;
  const changes: ConfChangeSingle[] = [];
  let context = EMPTY_BYTES;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === V1) {
      transition = enumValue(reader, CONF_CHANGE_TRANSITION_MAX, 'conf change transition');
    } else if (tag === L2) changes.push(nested(reader, readConfChangeSingle));
    else if (tag === L3) context = reader.view();
    else reader.skip(tag);
  }
  return { transition: transition as ConfChangeTransition, changes, context };
}

export function readMessage(reader: Reader, depth = 0): Message {
  if (depth >= RAFT_MESSAGE_NESTING_MAX) throw reader.invalid('messages are nested too deep');
  const message = draftMessage(0, 0, 0, 0);
  let entries: Entry[] | undefined;
  let responses: Message[] | undefined;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case V1:
        message.type = enumValue(reader, MESSAGE_TYPE_MAX, 'message type') as MessageType;
        break;
      case V2:
        message.to = reader.id('to');
        break;
      case V3:
        message.from = reader.id('from');
        break;
      case V4:
        message.term = reader.unsigned('term');
        break;
      case V5:
        message.logTerm = reader.unsigned('logTerm');
        break;
      case V6:
        message.index = reader.unsigned('index');
        break;
      case L7:
        entries ??= [];
        entries.push(nested(reader, readEntry));
        break;
      case V8:
        message.commit = reader.unsigned('commit');
        break;
      case L9: {
        const snapshot = nested(reader, readSnapshot);
        message.snapshot = snapshot.metadata.index === 0 ? undefined : snapshot;
        break;
      }
      case V10:
        message.reject = reader.flag();
        break;
      case V11:
        message.rejectHint = reader.unsigned('rejectHint');
        break;
      case L12: {
        const context = reader.view();
        message.context = context.length === 0 ? undefined : context;
        break;
      }
      case V13:
        message.vote = reader.unsigned('vote');
        break;
      case L14: {
        responses ??= [];
        const parentEnd = reader.end;
        reader.end = reader.length();
        responses.push(readMessage(reader, depth + 1));
        reader.end = parentEnd;
        break;
      }
      default:
        reader.skip(tag);
    }
  }
  message.entries = entries ?? NO_ENTRIES;
  message.responses = responses;
  return message;
}

/** Reads a length-prefixed message with a view of its own end, and restores the parent's. */
function nested<T>(reader: Reader, read: (reader: Reader) => T): T {
  const parentEnd = reader.end;
  reader.end = reader.length();
  const value = read(reader);
  reader.end = parentEnd;
  return value;
}

function emptyConfState(): ConfState {
  return { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}
