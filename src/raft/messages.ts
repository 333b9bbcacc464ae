/**
 * Messages: made in one place, so that all of them have one hidden class and the handlers stay
 * monomorphic; and their classification.
 *
 * A draft may be written to until it is handed to `send`; nobody changes it after that, since it may
 * be on its way to several places at once.
 */
import { NO_ENTRIES } from './entries.ts';
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type Message,
  MessageType,
  NONE,
  type RaftId,
} from './types.ts';

/** A message that is still being filled in. */
export type MessageDraft = { -readonly [K in keyof Message]: Message[K] };

/** Everything not named is its zero value. */
export function draftMessage(
  type: MessageType,
  to: RaftId,
  from: RaftId,
  term: number,
): MessageDraft {
  return {
    type,
    to,
    from,
    term,
    logTerm: 0,
    index: 0,
    entries: NO_ENTRIES,
    commit: 0,
    vote: 0,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: undefined,
    responses: undefined,
  };
}

/** For callers outside the hot path: the fields given, zero values for the rest. */
export function makeMessage(fields: Partial<Message> & Pick<Message, 'type'>): Message {
  const draft = draftMessage(fields.type, fields.to ?? 0, fields.from ?? 0, fields.term ?? 0);
  draft.logTerm = fields.logTerm ?? 0;
  draft.index = fields.index ?? 0;
  draft.entries = fields.entries ?? NO_ENTRIES;
  draft.commit = fields.commit ?? 0;
  draft.vote = fields.vote ?? 0;
  draft.snapshot = fields.snapshot;
  draft.reject = fields.reject ?? false;
  draft.rejectHint = fields.rejectHint ?? 0;
  draft.context = fields.context;
  draft.responses = fields.responses;
  return draft;
}

/**
 * `list` and one message more. Nearly all lists stay at one, and one that is made with it has room for one,
 * while the first push makes room for seventeen: more memory than the message itself.
 */
export function withMessage(list: Message[], message: Message): Message[] {
  if (list.length === 0) return [message];
  list.push(message);
  return list;
}

/** A copy with another addressee or sender, for messages that are passed on. */
export function forwardMessage(message: Message, to: RaftId): MessageDraft {
  const draft = makeMessage(message) as MessageDraft;
  draft.to = to;
  return draft;
}

/** Whether the id is that of the local log writer or state machine, and no member's. */
export function isStorageThread(id: RaftId): boolean {
  return id === APPEND_THREAD || id === APPLY_THREAD;
}

/** Types that only the node itself may produce; from the network they are an error. */
export function isLocalType(type: MessageType): boolean {
  switch (type) {
    case MessageType.Hup:
    case MessageType.Beat:
    case MessageType.Unreachable:
    case MessageType.SnapStatus:
    case MessageType.CheckQuorum:
    case MessageType.StorageAppend:
    case MessageType.StorageAppendResp:
    case MessageType.StorageApply:
    case MessageType.StorageApplyResp:
      return true;
    default:
      return false;
  }
}

/**
 * Whether a message can be what a peer has said: with a sender that can be answered, other than this
 * node, and in a term. Term 0 passes for "no need to look at terms" further in, and would let a stray
 * vote count in any election and take a candidate's term back to 0.
 *
 * Proposals and requests are passed on in other names and without a term. A node's own votes and
 * acknowledgements come back to it from its disk.
 */
export function isFromSomebody({ type, from, term }: Message, ownId: RaftId): boolean {
  switch (type) {
    case MessageType.Prop:
    case MessageType.ReadIndex:
    case MessageType.TransferLeader:
    case MessageType.ForgetLeader:
      return true;
    default:
      if (from === NONE || term === 0) return false;
      return from !== ownId || mustWaitForDisk(type);
  }
}

/** Types that answer something, so that their sender must be a member. */
export function isResponseType(type: MessageType): boolean {
  switch (type) {
    case MessageType.AppResp:
    case MessageType.VoteResp:
    case MessageType.HeartbeatResp:
    case MessageType.Unreachable:
    case MessageType.ReadIndexResp:
    case MessageType.PreVoteResp:
    case MessageType.StorageAppendResp:
    case MessageType.StorageApplyResp:
      return true;
    default:
      return false;
  }
}

/** Answers that promise something about this node's disk, and so must wait for it. */
export function mustWaitForDisk(type: MessageType): boolean {
  return (
    type === MessageType.AppResp ||
    type === MessageType.VoteResp ||
    type === MessageType.PreVoteResp
  );
}
