/**
 * A membership change takes effect when it is applied, on every member by itself.
 */
import { Changer } from './confchange/changer.ts';
import { changeMembership } from './confchange/conf-change.ts';
import type { Raft } from './raft.ts';
import { releaseConfirmedReads, releaseHeldReads } from './reading.ts';
import { broadcastAppend, maybeCommit, maybeSendAppend } from './replication.ts';
import { becomeFollower } from './roles.ts';
import { isVoter } from './tracker/configuration.ts';
import { type ConfChangeV2, type ConfState, NONE } from './types.ts';

/** Applies a committed change; returns the membership after it. */
export function applyConfChange(raft: Raft, change: ConfChangeV2): ConfState {
  const changer = new Changer(raft.tracker, raft.log.lastIndex());
  const { config, progress } = changeMembership(changer, change);
  raft.tracker.adopt(config, progress);
  if (raft.isLeader) leadNewMembership(raft);
  return raft.confState();
}

function leadNewMembership(raft: Raft): void {
  const { tracker } = raft;
  const own = tracker.get(raft.id);
  if (own === undefined || own.isLearner) {
    // Without the option it leads on until others elect somebody, so that what it has begun - its
    // own removal's commit index above all - still gets around.
    if (raft.config.stepDownOnRemoval) becomeFollower(raft, raft.term, NONE);
    return;
  }
  if (tracker.config.voters.length === 0) return;
  if (maybeCommit(raft)) {
    // Fewer members may need less: what waited for the removed one is committed now.
    broadcastAppend(raft);
  } else {
    for (const id of tracker.ids) {
      if (id !== raft.id) maybeSendAppend(raft, id, false);
    }
  }
  // Reads too: whoever they waited for may be gone, and then nobody's answer would release them.
  releaseHeldReads(raft);
  releaseConfirmedReads(raft);
  if (raft.leadTransferee !== NONE && !isVoter(tracker.config, raft.leadTransferee)) {
    raft.leadTransferee = NONE;
  }
}
