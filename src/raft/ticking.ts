/**
 * Time, as far as the core knows it: calls of `tick`. Followers and candidates count towards an
 * election; leaders count towards heartbeats, and towards the quorum check once an election timeout.
 */

import { agePostponed, maybeCampaign, timeoutKind } from './election.ts';
import type { Raft } from './raft.ts';
import { broadcastHeartbeat } from './replication.ts';
import { becomeFollower } from './roles.ts';
import { NONE } from './types.ts';

export function tick(raft: Raft): void {
  if (raft.isLeader) tickLeader(raft);
  else tickFollower(raft);
}

function tickFollower(raft: Raft): void {
  raft.electionElapsed += 1;
  agePostponed(raft);
  if (!raft.isPromotable || raft.electionElapsed < raft.randomizedElectionTimeout) return;
  raft.electionElapsed = 0;
  maybeCampaign(raft, timeoutKind(raft));
}

function tickLeader(raft: Raft): void {
  raft.heartbeatElapsed += 1;
  raft.electionElapsed += 1;
  if (raft.electionElapsed >= raft.config.electionTick) {
    raft.electionElapsed = 0;
    if (raft.config.checkQuorum) checkQuorum(raft);
    // A transfer that took this long has failed: serve again (NASTY 26).
    if (raft.isLeader) raft.leadTransferee = NONE;
  }
  if (!raft.isLeader || raft.heartbeatElapsed < raft.config.heartbeatTick) return;
  raft.heartbeatElapsed = 0;
  broadcastHeartbeat(raft);
}

/** A leader that has not heard a majority for an election timeout may have been replaced (NASTY 9). */
export function checkQuorum(raft: Raft): void {
  if (!raft.tracker.isQuorumActive()) becomeFollower(raft, raft.term, NONE);
  for (const [id, progress] of raft.tracker.progress) {
    if (id !== raft.id) progress.recentActive = false;
  }
}
