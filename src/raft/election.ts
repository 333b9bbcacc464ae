/**
 * Elections: campaigning, granting and counting votes.
 *
 * With pre-vote a node first asks whether it would win, in the term it would use and without
 * entering it; only a majority of yeses makes it raise its term. A node that returns from a
 * partition then disturbs nobody (thesis 9.6). A transfer of leadership skips this: the leader
 * itself has asked for the election.
 *
 * With `tellCommitInVotes` an answer to a candidate also says which entry its sender knows to be committed.
 * A candidate may hold a committed change of members and not know it, because the commit index was lost
 * with the power. Then it may ask for the vote of a member that this very change has removed; and that one
 * can not help it by a vote where its own log is longer, nor stand for election itself. What is committed
 * is so for everybody, in every term, so the answer may be believed at any time, be it a yes or a no.
 *
 * Nobody stands for election over a committed change of the members that it has not applied (NASTY 31). With
 * `postponeCampaigns` it stands when it has: applying takes a moment, an election timeout many, and a leader
 * that hands over takes no proposals meanwhile. What is postponed is over after an election timeout, when that
 * leader serves again; with its term; with a vote for another one; and when a leader is heard that has not asked
 * for it, or has gone on since.
 */

import type { MessageDraft } from './messages.ts';
import { VoteResult } from './quorum/majority.ts';
import type { Raft } from './raft.ts';
import { broadcastAppend } from './replication.ts';
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.ts';
import { votingIds } from './tracker/configuration.ts';
import { type Message, MessageType, NONE, type RaftId, StateType } from './types.ts';

export type CampaignKind = 'pre-election' | 'election' | 'transfer';

/** A campaign that waits until a change of the members is applied. */
export interface PostponedCampaign {
  readonly kind: CampaignKind;
  /** The leader that has asked for it; NONE: nobody. */
  readonly wisher: RaftId;
  ticksLeft: number;
}

/** Marks a vote request that the leader itself has called for, so that its lease does not count. */
const TRANSFER_CONTEXT: Uint8Array = Uint8Array.from('CampaignTransfer', (c) => c.charCodeAt(0));

export function isTransferContext(context: Uint8Array | undefined): boolean {
  if (context?.length !== TRANSFER_CONTEXT.length) return false;
  return context.every((byte, at) => byte === TRANSFER_CONTEXT[at]);
}

/** How a node campaigns of itself. */
export function timeoutKind(raft: Raft): CampaignKind {
  return raft.config.preVote ? 'pre-election' : 'election';
}

/**
 * Campaigns, unless this node must not: it leads, has no vote, or does not know the membership. `wisher`: the
 * leader that hands over to it.
 */
export function maybeCampaign(raft: Raft, kind: CampaignKind, wisher: RaftId = NONE): void {
  if (raft.isLeader) return;
  // One of them may be what gives it a vote.
  if (raft.log.hasUnappliedChanges()) postpone(raft, kind, wisher);
  else if (raft.isPromotable) campaign(raft, kind);
}

function postpone(raft: Raft, kind: CampaignKind, wisher: RaftId): void {
  if (!raft.config.postponeCampaigns) return;
  raft.postponed = { kind, wisher, ticksLeft: raft.config.electionTick };
}

function forgetPostponed(raft: Raft): void {
  raft.postponed = undefined;
  if (raft.heir === raft.id) raft.heir = NONE;
}

/** Something was applied: what was postponed may begin. */
export function resumeCampaign(raft: Raft): void {
  const { postponed } = raft;
  if (postponed === undefined || raft.log.hasUnappliedChanges()) return;
  forgetPostponed(raft);
  maybeCampaign(raft, postponed.kind);
}

/** A unit of time has passed. */
export function agePostponed(raft: Raft): void {
  const { postponed } = raft;
  if (postponed === undefined) return;
  postponed.ticksLeft -= 1;
  if (postponed.ticksLeft <= 0) forgetPostponed(raft);
}

/** A leader was heard. One that hands over appends nothing any more: whose log goes on has given up. */
export function reconsiderPostponed(raft: Raft, { from, index, entries, snapshot }: Message): void {
  const { postponed } = raft;
  if (postponed === undefined) return;
  const last = snapshot?.metadata.index ?? index + entries.length;
  if (postponed.wisher !== from || last > raft.log.lastIndex()) forgetPostponed(raft);
}

function campaign(raft: Raft, kind: CampaignKind): void {
  let request: MessageType;
  let response: MessageType;
  let term = raft.term;
  if (kind === 'pre-election') {
    becomePreCandidate(raft);
    request = MessageType.PreVote;
    response = MessageType.PreVoteResp;
    term += 1;
  } else {
    becomeCandidate(raft);
    if (kind === 'transfer') raft.heir = raft.id;
    request = MessageType.Vote;
    response = MessageType.VoteResp;
    term = raft.term;
  }
  for (const id of votingIds(raft.tracker.config)) {
    // Its own vote counts once it is durable (NASTY 2), so it comes as an answer like the others.
    const message = raft.draft(id === raft.id ? response : request, id);
    message.term = term;
    if (id !== raft.id) {
      message.index = raft.log.lastIndex();
      message.logTerm = raft.log.lastTerm();
      if (kind === 'transfer') message.context = TRANSFER_CONTEXT;
    }
    raft.send(message);
  }
}

/**
 * A request for a vote, in this node's term, or for a pre-vote in any later one. Granted at most once
 * a term, to a log that has everything this one has (paper 5.4.1); repeated to the same candidate.
 * A learner that is asked votes: it may have been promoted and not know it yet (NASTY 31).
 */
export function handleVoteRequest(raft: Raft, message: Message): void {
  const isPreVote = message.type === MessageType.PreVote;
  const mayVote =
    raft.vote === message.from ||
    (raft.vote === NONE && raft.lead === NONE) ||
    (isPreVote && message.term > raft.term);
  const type = isPreVote ? MessageType.PreVoteResp : MessageType.VoteResp;
  const response = raft.draft(type, message.from);
  if (mayVote && raft.log.isUpToDate(message.index, message.logTerm)) {
    // In the request's term: a pre-vote is granted for a term that this node is not in (NASTY 7).
    response.term = message.term;
    if (!isPreVote) {
      raft.electionElapsed = 0;
      raft.vote = message.from;
      forgetPostponed(raft);
      if (isTransferContext(message.context)) raft.heir = message.from;
    }
  } else {
    response.reject = true;
  }
  sendVoteResponse(raft, response);
}

/** With what this node knows to be committed, where that is asked for. */
export function sendVoteResponse(raft: Raft, response: MessageDraft): void {
  const { committed } = raft.log;
  const term = raft.config.tellCommitInVotes ? raft.log.term(committed) : undefined;
  if (term !== undefined) {
    response.commit = committed;
    response.logTerm = term;
  }
  raft.send(response);
}

/**
 * Learns from an answer what is committed: where this log has that very entry, all before it is the same
 * too (log matching). Who finds out that the members are others now takes that in before it asks again
 * (NASTY 31): it would count votes by a configuration that is history.
 */
export function learnCommit(raft: Raft, { commit, logTerm }: Message): void {
  const { log } = raft;
  if (!raft.config.tellCommitInVotes || raft.isLeader) return;
  if (commit <= log.committed || commit > log.lastIndex()) return;
  if (!log.matchTerm(commit, logTerm)) return;
  log.commitTo(commit);
  const isAsking = raft.role === StateType.Candidate || raft.role === StateType.PreCandidate;
  if (!isAsking || !log.hasUnappliedChanges()) return;
  const isHeir = raft.heir === raft.id;
  becomeFollower(raft, raft.term, NONE);
  postpone(raft, isHeir ? 'transfer' : timeoutKind(raft), NONE);
  if (isHeir && raft.postponed !== undefined) raft.heir = raft.id;
}

/**
 * A vote came in for the campaign under way. A majority is enough, whether the own vote is among them or not: it
 * is durable by then where requests for votes wait for it, as `Ready.messages` asks of whoever sends them.
 */
export function handleVoteResponse(raft: Raft, message: Message): void {
  raft.tracker.recordVote(message.from, !message.reject);
  switch (raft.tracker.voteResult()) {
    case VoteResult.Won:
      if (raft.role === StateType.PreCandidate) {
        campaign(raft, 'election');
      } else {
        becomeLeader(raft);
        if (raft.config.lateFirstAppends) raft.isUnannounced = true;
        else broadcastAppend(raft);
      }
      return;
    case VoteResult.Lost:
      // A pre-vote's answer may carry the term asked for; this node stays in its own.
      becomeFollower(raft, raft.term, NONE);
      return;
    case VoteResult.Pending:
      return;
  }
}
