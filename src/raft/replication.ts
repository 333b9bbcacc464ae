/**
 * The leader's side of replication: what to send to whom, and when something is committed.
 *
 * Sending is driven by each follower's Progress and never by what was proposed: a follower that is
 * behind gets what it needs next, as much as flow control allows, and a call that finds nothing to
 * send costs a few comparisons.
 */
import { assert, violated } from '../errors.ts';
import { NO_ENTRIES, payloadBytes } from './entries.ts';
import type { Raft } from './raft.ts';
import type { Progress } from './tracker/progress.ts';
import { type LogIndex, MessageType, ProgressState, type RaftId } from './types.ts';

/** Sends what the follower needs next, or an empty append that tells it the commit index. */
export function sendAppend(raft: Raft, to: RaftId): void {
  maybeSendAppend(raft, to, true);
}

/**
 * Sends one append message, or a snapshot where the log does not reach back far enough. False when
 * nothing left: the follower is paused, needs nothing (unless `evenIfEmpty`), or its entries are not
 * in memory yet.
 */
export function maybeSendAppend(raft: Raft, to: RaftId, evenIfEmpty: boolean): boolean {
  const { log } = raft;
  const progress = raft.tracker.get(to);
  if (progress === undefined) {
    violated('append to a stranger', { to });
  }
  if (progress.isPaused || log.reads.isPeerWaiting(to, progress.next)) return false;

  const prevIndex = progress.next - 1;
  const prevTerm = log.term(prevIndex);
  if (prevTerm === undefined) return maybeSendSnapshot(raft, to, progress);

  let entries = NO_ENTRIES;
  // A follower whose window is full still gets empty appends, so that it can't be stuck for ever.
  if (progress.state !== ProgressState.Replicate || !progress.inflights.isFull) {
    const found = log.entriesFrom(progress.next, raft.config.maxSizePerMsg);
    if (found === undefined) {
      const hi = Math.min(log.lastIndex() + 1, log.unstable.offset);
      log.reads.wantForPeer(to, progress.next, hi);
      return false;
    }
    entries = found;
  }
  if (entries.length === 0 && !evenIfEmpty) return false;

  const message = raft.draft(MessageType.App, to);
  message.index = prevIndex;
  message.logTerm = prevTerm;
  message.entries = entries;
  message.commit = log.committed;
  raft.send(message);
  progress.sentEntries(entries.length, payloadBytes(entries));
  progress.sentCommit = log.committed;
  return true;
}

/** Sends all that flow control allows. */
export function sendAllAppends(raft: Raft, to: RaftId): void {
  while (maybeSendAppend(raft, to, false)) {
    // Each message has advanced `next` or paused the follower.
  }
}

function maybeSendSnapshot(raft: Raft, to: RaftId, progress: Progress): boolean {
  // A snapshot is dear: not for somebody who may not be there.
  if (!progress.recentActive) return false;
  const snapshot = raft.log.unstable.snapshot ?? raft.log.storage.snapshot();
  if (snapshot === undefined) return false;
  assert(snapshot.metadata.index > 0, 'a follower needs a snapshot and there is none', {
    to,
    next: progress.next,
    firstIndex: raft.log.firstIndex(),
  });
  const message = raft.draft(MessageType.Snap, to);
  message.snapshot = snapshot;
  progress.becomeSnapshot(snapshot.metadata.index);
  raft.send(message);
  return true;
}

export function broadcastAppend(raft: Raft): void {
  for (const id of raft.tracker.ids) {
    if (id !== raft.id) sendAppend(raft, id);
  }
}

/**
 * A new leader's first appends, where they are made late (see `lateFirstAppends`): a leader begins by probing,
 * with one message to each, and what is not in that one waits for the answer.
 */
export function announce(raft: Raft): void {
  if (!raft.isUnannounced) return;
  raft.isUnannounced = false;
  broadcastAppend(raft);
}

/** Commits what a quorum has, if it is of this term. */
export function maybeCommit(raft: Raft): boolean {
  return raft.log.maybeCommit(raft.tracker.committed(), raft.term);
}

/** Every heartbeat asks for a vouch for the reads that wait. */
export function broadcastHeartbeat(raft: Raft): void {
  const context = raft.readOnly.heartbeatContext();
  for (const id of raft.tracker.ids) {
    if (id !== raft.id) sendHeartbeat(raft, id, context);
  }
}

function sendHeartbeat(raft: Raft, to: RaftId, context: Uint8Array | undefined): void {
  const progress = raft.tracker.get(to)!;
  const message = raft.draft(MessageType.Heartbeat, to);
  // Never beyond what the follower is known to have: its log may lack the rest (NASTY 32).
  const commit: LogIndex = Math.min(progress.match, raft.log.committed);
  message.commit = commit;
  message.context = context;
  raft.send(message);
  progress.sentCommit = commit;
}
