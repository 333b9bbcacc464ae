/**
 * The four roles and the ways between them (paper, figure 4; pre-candidate from thesis 9.6).
 */
import { assert } from '../errors.ts';
import { EMPTY_BYTES, makeEntry } from './entries.ts';
import { appendEntries } from './proposing.ts';
import type { Raft } from './raft.ts';
import { EntryType, NONE, type RaftId, StateType, type Term } from './types.ts';

export function becomeFollower(raft: Raft, term: Term, lead: RaftId): void {
  raft.reset(term);
  raft.lead = lead;
  raft.role = StateType.Follower;
}

export function becomeCandidate(raft: Raft): void {
  assert(!raft.isLeader, 'a leader does not campaign');
  raft.reset(raft.term + 1);
  raft.vote = raft.id;
  raft.role = StateType.Candidate;
}

/**
 * Asks whether an election would be won. Neither term nor vote changes, but the leader is forgotten:
 * who asks for votes must grant them to others (NASTY 8).
 */
export function becomePreCandidate(raft: Raft): void {
  assert(!raft.isLeader, 'a leader does not campaign');
  raft.tracker.resetVotes();
  raft.lead = NONE;
  raft.heir = NONE;
  raft.role = StateType.PreCandidate;
}

export function becomeLeader(raft: Raft): void {
  assert(raft.role !== StateType.Follower, 'a follower becomes leader by an election only');
  raft.reset(raft.term);
  raft.lead = raft.id;
  raft.role = StateType.Leader;
  const own = raft.tracker.get(raft.id);
  assert(own !== undefined, 'a leader outside of its own group', { id: raft.id });
  own.becomeReplicate();
  own.recentActive = true;
  // The log may end in a membership change of an earlier leader that is not applied here yet: none
  // is let in before everything up to here is (NASTY 30).
  raft.pendingConfIndex = raft.log.lastIndex();
  // Commits the earlier terms' entries with it, and lets reads begin.
  const isAppended = appendEntries(raft, [makeEntry(0, 0, EntryType.Normal, EMPTY_BYTES)]);
  assert(isAppended, 'an empty entry is always within the bounds');
}
