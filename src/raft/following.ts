/**
 * The follower's side: a leader's appends, heartbeats and snapshots. Every answer here speaks of what
 * is in the log, so it leaves only once that is durable (NASTY 19); `Raft.send` sees to it.
 */
import { assert } from '../errors.ts';
import { restoreMembership } from './confchange/restore.ts';
import type { Raft } from './raft.ts';
import { becomeFollower } from './roles.ts';
import {
  type ConfState,
  type Message,
  MessageType,
  NONE,
  type RaftId,
  type Snapshot,
  StateType,
} from './types.ts';

export function handleAppend(raft: Raft, message: Message): void {
  const { log } = raft;
  const response = raft.draft(MessageType.AppResp, message.from);
  if (message.index < log.committed) {
    // An old message: everything up to here is settled anyway.
    response.index = log.committed;
    raft.send(response);
    return;
  }
  const { index, logTerm, entries, commit } = message;
  const last = log.maybeAppend(index, logTerm, entries, commit);
  if (last !== undefined) {
    response.index = last;
  } else {
    // Refused, with a hint at where the logs may meet: an index of this log whose term is not above
    // the leader's at the place of the refusal. It saves a round trip for each entry of a divergent tail.
    const hint = log.findConflictByTerm(Math.min(index, log.lastIndex()), logTerm);
    response.index = index;
    response.reject = true;
    response.rejectHint = hint.index;
    response.logTerm = hint.term;
  }
  raft.send(response);
}

export function handleHeartbeat(raft: Raft, message: Message): void {
  raft.log.commitTo(message.commit);
  const response = raft.draft(MessageType.HeartbeatResp, message.from);
  response.context = message.context;
  raft.send(response);
}

export function handleSnapshot(raft: Raft, message: Message): void {
  const { snapshot } = message;
  const isRestored = snapshot !== undefined && restoreSnapshot(raft, snapshot);
  const response = raft.draft(MessageType.AppResp, message.from);
  response.index = isRestored ? raft.log.lastIndex() : raft.log.committed;
  raft.send(response);
}

/**
 * Takes a leader's snapshot in the place of the log and of the membership. False when it is of no
 * use: it is behind what is committed here, this node is not in it, or the log has it all already
 * (then at least the commit index is learnt).
 */
function restoreSnapshot(raft: Raft, snapshot: Snapshot): boolean {
  const { log } = raft;
  const { index, term, confState } = snapshot.metadata;
  if (index <= log.committed) return false;
  if (raft.role !== StateType.Follower) {
    // Not reachable: whoever gets a snapshot has become the sender's follower before.
    becomeFollower(raft, raft.term + 1, NONE);
    return false;
  }
  if (!isMember(confState, raft.id)) return false;
  if (log.matchTerm(index, term)) {
    log.commitTo(index);
    return false;
  }
  log.restore(snapshot);
  raft.tracker = raft.newTracker();
  restoreMembership(raft.tracker, confState, log.lastIndex());
  const own = raft.tracker.get(raft.id);
  assert(own !== undefined, 'the snapshot names this node, its membership does not');
  own.maybeUpdate(log.lastIndex());
  return true;
}

/** A next learner is an outgoing voter, so it needs no look of its own. */
function isMember(state: ConfState, id: RaftId): boolean {
  return (
    state.voters.includes(id) || state.learners.includes(id) || state.votersOutgoing.includes(id)
  );
}
