/**
 * Linearizable reads without writing to the log (thesis 6.4). The leader notes its commit index,
 * makes sure that it still led after the read was asked, and answers with that index; whoever asked
 * serves the read once it has applied that far.
 *
 * `safe` makes sure by a round of heartbeats. `lease-based` relies on the quorum check instead, and
 * so on ticks being a clock, which they are not when a process is stopped (NASTY 24): the shell that
 * offers it must check elapsed time itself.
 *
 * A leader that is cut off and has no quorum check keeps its reads for ever, so their number is
 * bounded; what comes beyond is dropped, as a read is that gets lost on the way. Who asked asks again.
 */
import { RAFT_READS_WAITING_MAX } from '../limits.ts';
import { EMPTY_BYTES } from './entries.ts';
import type { Raft } from './raft.ts';
import { broadcastHeartbeat } from './replication.ts';
import { type LogIndex, type Message, MessageType, NONE } from './types.ts';

export function leaderRead(raft: Raft, request: Message): void {
  // A read carries its context as its one entry; a peer's that does not can not be answered.
  if (request.entries.length !== 1) return;
  if (raft.heldReads.length + raft.readOnly.length >= RAFT_READS_WAITING_MAX) return;
  if (!hasCommittedInTerm(raft)) {
    raft.heldReads.push(request);
    return;
  }
  startRead(raft, request);
}

/** The commit index of this term is known: the reads that waited for it may begin. */
export function releaseHeldReads(raft: Raft): void {
  if (raft.heldReads.length === 0 || !hasCommittedInTerm(raft)) return;
  const held = raft.heldReads;
  raft.heldReads = [];
  for (const request of held) startRead(raft, request);
}

function startRead(raft: Raft, request: Message): void {
  if (raft.config.readOnlyOption === 'lease-based' || isAlone(raft)) {
    respondToRead(raft, request, raft.log.committed);
    return;
  }
  raft.readOnly.add(request, raft.log.committed);
  const context = raft.readOnly.heartbeatContext();
  if (context !== undefined) raft.readOnly.receiveAck(raft.id, context);
  broadcastHeartbeat(raft);
}

/**
 * Alone there is nobody to ask; but also who is alone must know first what is committed: after a restart
 * its log may hold acknowledged entries above the commit index that it had noted. Alone means that the
 * one voter is this node: a leader that was removed and leaves one voter behind may have been replaced.
 */
function isAlone(raft: Raft): boolean {
  return raft.tracker.isSingleton && raft.tracker.config.voters[0] === raft.id;
}

/** Answers the reads that a quorum has vouched for. */
export function releaseConfirmedReads(raft: Raft): void {
  for (const read of raft.readOnly.takeConfirmed(raft.tracker.config)) {
    respondToRead(raft, read.request, read.index);
  }
}

/** Until an entry of its own term is committed, a leader may not know what is (NASTY 22). */
function hasCommittedInTerm(raft: Raft): boolean {
  return raft.log.matchTerm(raft.log.committed, raft.term);
}

/** To the caller on this node, or to the follower that passed the read on. */
function respondToRead(raft: Raft, request: Message, index: LogIndex): void {
  if (request.from === NONE || request.from === raft.id) {
    raft.readStates.push({ index, context: request.entries[0]?.data ?? EMPTY_BYTES });
    return;
  }
  const response = raft.draft(MessageType.ReadIndexResp, request.from);
  response.index = index;
  response.entries = request.entries;
  raft.send(response);
}

/** The leader's answer to a read that this follower passed on. */
export function followerReadAnswered(raft: Raft, message: Message): void {
  const entry = message.entries[0];
  if (entry === undefined || message.entries.length !== 1) return;
  raft.readStates.push({ index: message.index, context: entry.data });
}
