/**
 * What leaves the core: one Ready, and with asynchronous storage the messages to the two storage
 * threads that stand for its writes.
 *
 * The order inside such a message's responses matters. First the answers to others (a leader's own
 * append acknowledgement among them), then the node's own note that the entries are durable: the
 * acknowledgement looks the entries' terms up while they are still in the unstable part.
 */
import { draftMessage } from './messages.ts';
import type { Raft } from './raft.ts';
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type Entry,
  type HardState,
  type Message,
  MessageType,
  type Snapshot,
} from './types.ts';

/** The parts of a Ready that have to be written. */
export interface Writes {
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  readonly snapshot: Snapshot | undefined;
}

export function hasWrites(raft: Raft, writes: Writes): boolean {
  return (
    writes.entries.length > 0 ||
    writes.hardState !== undefined ||
    writes.snapshot !== undefined ||
    raft.messagesAfterAppend.length > 0
  );
}

/** Whether the core must hear when the writes are done, beyond the answers that wait for them. */
export function needsAppendedAnswer(raft: Raft, writes: Writes): boolean {
  return raft.log.unstable.hasEntries || writes.snapshot !== undefined;
}

/**
 * "Everything appended so far is durable": by index and term of the last entry, since what was
 * written may have been replaced by the time this is stepped, and in this term, so that a later one
 * ignores it.
 */
export function appendedAnswer(raft: Raft, writes: Writes): Message {
  const message = draftMessage(MessageType.StorageAppendResp, raft.id, APPEND_THREAD, raft.term);
  if (raft.log.unstable.hasEntries) {
    message.index = raft.log.lastIndex();
    message.logTerm = raft.log.lastTerm();
  }
  message.snapshot = writes.snapshot;
  return message;
}

/** The writes as one message to the append thread, with what may be sent and stepped after them. */
export function storageAppend(raft: Raft, writes: Writes): Message {
  const message = draftMessage(MessageType.StorageAppend, APPEND_THREAD, raft.id, 0);
  message.entries = writes.entries;
  if (writes.hardState !== undefined) {
    message.term = writes.hardState.term;
    message.vote = writes.hardState.vote;
    message.commit = writes.hardState.commit;
  }
  message.snapshot = writes.snapshot;
  // Taken over: the core begins a list of its own for what comes next.
  const responses = raft.messagesAfterAppend;
  raft.messagesAfterAppend = [];
  if (needsAppendedAnswer(raft, writes)) responses.push(appendedAnswer(raft, writes));
  message.responses = responses;
  return message;
}

/** "These entries are applied." Committed entries belong to no term any more, hence 0. */
export function appliedAnswer(raft: Raft, entries: readonly Entry[]): Message {
  const message = draftMessage(MessageType.StorageApplyResp, raft.id, APPLY_THREAD, 0);
  message.entries = entries;
  return message;
}

/** Committed entries as one message to the apply thread. */
export function storageApply(raft: Raft, entries: readonly Entry[]): Message {
  const message = draftMessage(MessageType.StorageApply, APPLY_THREAD, raft.id, 0);
  message.entries = entries;
  message.responses = [appliedAnswer(raft, entries)];
  return message;
}
