/** The messages whose bytes are written down in golden.test.ts. */
import { makeEntry } from '../entries.ts';
import { makeMessage } from '../messages.ts';
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  MessageType,
  type Snapshot,
} from '../types.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const none = new Uint8Array(0);
const peers = { to: 2, from: 1, term: 5 };

const confState: ConfState = {
  voters: [1, 2, 300],
  learners: [4],
  votersOutgoing: [1],
  learnersNext: [3],
  autoLeave: true,
};
const snapshot: Snapshot = { metadata: { confState, index: 1_000, term: 4 }, data: bytes('state') };
const entry: Entry = makeEntry(5, 301, 0, bytes('hi'));
const hardState: HardState = { term: 5, vote: 2, commit: 300 };
const confChange: ConfChange = { id: 9, type: 3, nodeId: 4, context: bytes('c') };
const confChangeV2: ConfChangeV2 = {
  transition: 1,
  changes: [
    { type: 0, nodeId: 4 },
    { type: 1, nodeId: 2 },
  ],
  context: bytes('why'),
};

export const PARTS: Readonly<
  Record<'Entry' | 'HardState' | 'ConfState' | 'Snapshot' | 'ConfChange' | 'ConfChangeV2', unknown>
> = {
  Entry: entry,
  HardState: hardState,
  ConfState: confState,
  Snapshot: snapshot,
  ConfChange: confChange,
  ConfChangeV2: confChangeV2,
};

export const MESSAGES: Readonly<Record<string, Message>> = {
  Hup: makeMessage({ type: MessageType.Hup, from: 1 }),
  Beat: makeMessage({ type: MessageType.Beat, from: 1 }),
  Prop: makeMessage({
    type: MessageType.Prop,
    to: 1,
    from: 2,
    entries: [makeEntry(0, 0, 0, bytes('x'))],
  }),
  App: makeMessage({
    type: MessageType.App,
    ...peers,
    logTerm: 4,
    index: 300,
    commit: 299,
    entries: [entry, makeEntry(5, 302, 2, none)],
  }),
  AppResp: makeMessage({
    type: MessageType.AppResp,
    ...peers,
    index: 300,
    reject: true,
    rejectHint: 250,
    logTerm: 3,
  }),
  Vote: makeMessage({
    type: MessageType.Vote,
    ...peers,
    logTerm: 4,
    index: 300,
    context: bytes('CampaignTransfer'),
  }),
  VoteResp: makeMessage({ type: MessageType.VoteResp, ...peers, reject: true }),
  Snap: makeMessage({ type: MessageType.Snap, ...peers, snapshot }),
  Heartbeat: makeMessage({
    type: MessageType.Heartbeat,
    ...peers,
    commit: 200,
    context: bytes('12345678'),
  }),
  HeartbeatResp: makeMessage({
    type: MessageType.HeartbeatResp,
    ...peers,
    context: bytes('12345678'),
  }),
  Unreachable: makeMessage({ type: MessageType.Unreachable, from: 2 }),
  SnapStatus: makeMessage({ type: MessageType.SnapStatus, from: 2, reject: true }),
  CheckQuorum: makeMessage({ type: MessageType.CheckQuorum, from: 1 }),
  TransferLeader: makeMessage({ type: MessageType.TransferLeader, to: 1, from: 3 }),
  TimeoutNow: makeMessage({ type: MessageType.TimeoutNow, ...peers }),
  ReadIndex: makeMessage({
    type: MessageType.ReadIndex,
    to: 1,
    from: 2,
    entries: [makeEntry(0, 0, 0, bytes('read 1'))],
  }),
  ReadIndexResp: makeMessage({
    type: MessageType.ReadIndexResp,
    ...peers,
    index: 300,
    entries: [makeEntry(0, 0, 0, bytes('read 1'))],
  }),
  PreVote: makeMessage({ type: MessageType.PreVote, ...peers, logTerm: 4, index: 300 }),
  PreVoteResp: makeMessage({ type: MessageType.PreVoteResp, ...peers }),
  StorageAppend: makeMessage({
    type: MessageType.StorageAppend,
    to: APPEND_THREAD,
    from: 1,
    term: 5,
    vote: 2,
    commit: 300,
    entries: [entry],
    responses: [makeMessage({ type: MessageType.AppResp, to: 2, from: 1, term: 5, index: 301 })],
  }),
  StorageAppendResp: makeMessage({
    type: MessageType.StorageAppendResp,
    to: 1,
    from: APPEND_THREAD,
    term: 5,
    logTerm: 5,
    index: 301,
  }),
  StorageApply: makeMessage({
    type: MessageType.StorageApply,
    to: APPLY_THREAD,
    from: 1,
    entries: [entry],
  }),
  StorageApplyResp: makeMessage({
    type: MessageType.StorageApplyResp,
    to: 1,
    from: APPLY_THREAD,
    entries: [entry],
  }),
  ForgetLeader: makeMessage({ type: MessageType.ForgetLeader, to: 1, from: 1 }),
};
