/**
 * Reading raftpb. The input comes from the network, so it is taken to be hostile: nothing is
 * allocated ahead of the bytes that justify it, what is many is counted, nesting is bounded, and every
 * field is checked against the end of its own message.
 *
 * Three generations of writers are read alike: those that write every number, also when it is 0, and
 * an empty snapshot into every message (etcd 3.4 and 3.5); those that leave the empty snapshot out
 * (3.6); and those that write only what was set (3.7). As Protocol Buffers want it: fields come in
 * any order, of a number that occurs twice the last one holds, of a message that occurs twice the
 * parts are merged, lists may be packed, and fields that we do not know, also by their wire type, are
 * stepped over. Stricter in one thing: a message type, entry type or kind of change with an unknown
 * number is an error, since it must never be taken for another one, and least of all for type 0.
 *
 * Data is not copied: entries, contexts and snapshots are views of the bytes given, which therefore must not
 * be reused while the message lives.
 *
 * A snapshot that is absent and one that is empty (index 0) are the same: none.
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

// ---- messages that may come in parts ------------------------------------------------------------
// A field that holds one message and occurs twice holds both merged: numbers of the last, lists of
// both. So these are read into a draft that may have been written to before.

type Draft<T> = { -readonly [K in keyof T]: T[K] };

interface ConfStateDraft extends ConfState {
  readonly voters: RaftId[];
  readonly learners: RaftId[];
  readonly votersOutgoing: RaftId[];
  readonly learnersNext: RaftId[];
  autoLeave: boolean;
}

interface SnapshotDraft extends Snapshot {
  readonly metadata: Draft<SnapshotMetadata> & { readonly confState: ConfStateDraft };
  data: Uint8Array;
}

function draftConfState(): ConfStateDraft {
  return { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}

function draftSnapshot(): SnapshotDraft {
  return { metadata: { confState: draftConfState(), index: 0, term: 0 }, data: EMPTY_BYTES };
}

/** One id, or a packed list of them. */
function readIds(reader: Reader, packed: boolean, into: RaftId[]): void {
  const parentEnd = packed ? reader.enter() : reader.end;
  while (reader.pos < reader.end) {
    reader.countItem();
    into.push(reader.unsigned('member id'));
    if (!packed) break;
  }
  reader.leave(parentEnd);
}

function idsOf(state: ConfStateDraft, field: number): RaftId[] | undefined {
  switch (field) {
    case 1:
      return state.voters;
    case 2:
      return state.learners;
    case 3:
      return state.votersOutgoing;
    case 4:
      return state.learnersNext;
    default:
      return undefined;
  }
}

function mergeConfState(reader: Reader, into: ConfStateDraft): ConfStateDraft {
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    const wireType = tag & 7;
    const ids = wireType === VARINT || wireType === LENGTH ? idsOf(into, tag >>> 3) : undefined;
    if (ids !== undefined) readIds(reader, wireType === LENGTH, ids);
    else if (tag === V5) into.autoLeave = reader.flag();
    else reader.skip(tag);
  }
  return into;
}

function mergeMetadata(reader: Reader, into: SnapshotDraft['metadata']): void {
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === L1) nested(reader, mergeConfState, into.confState);
    else if (tag === V2) into.index = reader.unsigned('snapshot index');
    else if (tag === V3) into.term = reader.unsigned('snapshot term');
    else reader.skip(tag);
  }
}

function mergeSnapshot(reader: Reader, into: SnapshotDraft): SnapshotDraft {
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === L1) into.data = reader.view();
    else if (tag === L2) nested(reader, mergeMetadata, into.metadata);
    else reader.skip(tag);
  }
  return into;
}

export function readConfState(reader: Reader): ConfState {
  return mergeConfState(reader, draftConfState());
}

export function readSnapshot(reader: Reader): Snapshot {
  return mergeSnapshot(reader, draftSnapshot());
}

// ---- the rest -----------------------------------------------------------------------------------

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
    } else if (tag === L2) changes.push(nestedItem(reader, readConfChangeSingle));
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
  let snapshot: SnapshotDraft | undefined;
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
      case L7: {
        // In line, not by `nestedItem`: this is what a busy node reads all day.
        reader.countItem();
        const parentEnd = reader.enter();
        const entry = readEntry(reader);
        reader.leave(parentEnd);
        if (entries === undefined) entries = [entry];
        else entries.push(entry);
        break;
      }
      case V8:
        message.commit = reader.unsigned('commit');
        break;
      case L9:
        snapshot ??= draftSnapshot();
        nested(reader, mergeSnapshot, snapshot);
        break;
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
      case L14:
        responses ??= [];
        reader.countItem();
        responses.push(nested(reader, readMessage, depth + 1));
        break;
      default:
        reader.skip(tag);
    }
  }
  message.entries = entries ?? NO_ENTRIES;
  // Whatever else it holds, a snapshot of index 0 is what older writers put where there is none.
  if (snapshot !== undefined && snapshot.metadata.index !== 0) message.snapshot = snapshot;
  message.responses = responses;
  return message;
}

/** Reads a length-prefixed message with a view of its own end, and restores the parent's. */
function nested<T, A>(reader: Reader, read: (reader: Reader, given: A) => T, given: A): T {
  const parentEnd = reader.enter();
  const value = read(reader, given);
  reader.leave(parentEnd);
  return value;
}

/** One of many. */
function nestedItem<T>(reader: Reader, read: (reader: Reader) => T): T {
  reader.countItem();
  return nested(reader, read, undefined);
}
