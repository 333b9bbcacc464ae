/**
 * What the leader does with its followers' answers, and with what the transport says about them.
 *
 * Answers may be late, doubled or out of order. What they say about a follower's log is believed
 * only upwards; a refusal only when it answers what is being asked (see Progress).
 */

import type { Raft } from './raft.ts';
import { releaseConfirmedReads, releaseHeldReads } from './reading.ts';
import { broadcastAppend, maybeCommit, sendAllAppends, sendAppend } from './replication.ts';
import { isVoter } from './tracker/configuration.ts';
import type { Progress } from './tracker/progress.ts';
import { sendTimeoutNow } from './transferring.ts';
import { type Message, ProgressState } from './types.ts';

export function handleAppendResponse(raft: Raft, message: Message, progress: Progress): void {
  // Also the leader's own disk's answer comes through here.
  progress.recentActive = true;
  if (message.reject) {
    handleRejection(raft, message, progress);
    return;
  }
  const { from, index } = message;
  // No news in the index may still be news: that a probed follower is there and in step.
  const isProbeAnswered = progress.match === index && progress.state === ProgressState.Probe;
  if (!progress.maybeUpdate(index) && !isProbeAnswered) return;
  leaveOrFreeFlow(raft, progress, index);

  // What is committed already needs no counting of a quorum: half of all acknowledgements come after it. But a
  // leader that is no voter any more has not counted since: a smaller majority may hold more already.
  const mayCommit = index > raft.log.committed || !isVoter(raft.tracker.config, raft.id);
  if (mayCommit && maybeCommit(raft)) {
    releaseHeldReads(raft);
    broadcastAppend(raft);
  } else if (from !== raft.id && progress.canBumpCommit(raft.log.committed)) {
    sendAppend(raft, from);
  }
  // A freed window, or a probe that became a stream, may let several messages go at once.
  if (from !== raft.id) sendAllAppends(raft, from);
  if (from === raft.leadTransferee && progress.match === raft.log.lastIndex()) {
    sendTimeoutNow(raft, from);
  }
}

/** The follower is known to be at `index`: stream to it, or count what arrived. */
function leaveOrFreeFlow(raft: Raft, progress: Progress, index: number): void {
  switch (progress.state) {
    case ProgressState.Probe:
      progress.becomeReplicate();
      return;
    case ProgressState.Snapshot:
      // Reconnected to this log, by the snapshot sent or by any other way (NASTY 37).
      if (progress.match + 1 >= raft.log.firstIndex()) {
        progress.becomeProbe();
        progress.becomeReplicate();
      }
      return;
    case ProgressState.Replicate:
      progress.inflights.freeUpTo(index);
      return;
  }
}

/**
 * The follower's log does not match at the place probed. Its hint says up to which index and in
 * which term it may; this log may let us go back further still, since nothing of a higher term than
 * the hint's can match.
 */
function handleRejection(raft: Raft, message: Message, progress: Progress): void {
  const { from, index, rejectHint, logTerm } = message;
  const probe = logTerm > 0 ? raft.log.findConflictByTerm(rejectHint, logTerm).index : rejectHint;
  if (!progress.maybeDecreaseTo(index, probe)) return;
  if (progress.state === ProgressState.Replicate) progress.becomeProbe();
  sendAppend(raft, from);
}

export function handleHeartbeatResponse(raft: Raft, message: Message, progress: Progress): void {
  const { from, context } = message;
  progress.recentActive = true;
  progress.isPausedForAnswer = false;
  // Behind, or not known to be in step: an append (empty if the window is full) finds out more.
  if (progress.match < raft.log.lastIndex() || progress.state === ProgressState.Probe) {
    sendAppend(raft, from);
  }
  if (raft.config.readOnlyOption !== 'safe' || context === undefined) return;
  raft.readOnly.receiveAck(from, context);
  releaseConfirmedReads(raft);
}

/** A snapshot has arrived, or has failed. Either way one answer is awaited before the next append. */
export function handleSnapshotStatus(message: Message, progress: Progress): void {
  if (progress.state !== ProgressState.Snapshot) return;
  // Cleared first, or probing would begin after a snapshot that never got there.
  if (message.reject) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  progress.isPausedForAnswer = true;
}

/** What was streamed may be lost, so go back to asking. */
export function handleUnreachable(progress: Progress): void {
  if (progress.state === ProgressState.Replicate) progress.becomeProbe();
}
