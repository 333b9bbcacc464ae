/**
 * Every message comes through here: first the rules about terms, which hold whatever the role
 * (paper 5.1), then the handler of its type for the present role.
 */
import {
  handleAppendResponse,
  handleHeartbeatResponse,
  handleSnapshotStatus,
  handleUnreachable,
} from './acknowledging.ts';
import {
  handleVoteRequest,
  handleVoteResponse,
  isTransferContext,
  learnCommit,
  maybeCampaign,
  reconsiderPostponed,
  sendVoteResponse,
  timeoutKind,
} from './election.ts';
import { handleAppend, handleHeartbeat, handleSnapshot } from './following.ts';
import { forwardMessage } from './messages.ts';
import { leaderPropose } from './proposing.ts';
import type { Raft } from './raft.ts';
import { followerReadAnswered, leaderRead } from './reading.ts';
import { broadcastHeartbeat } from './replication.ts';
import { becomeFollower } from './roles.ts';
import {
  handleStaleStorageAppended,
  handleStorageAppended,
  handleStorageApplied,
} from './storage-answers.ts';
import { checkQuorum } from './ticking.ts';
import { handleTransfer } from './transferring.ts';
import { type Message, MessageType, NONE, StateType } from './types.ts';

/** False: the message was a proposal and was dropped. */
export function step(raft: Raft, message: Message): boolean {
  const { type } = message;
  // Late or refused, what it says about the log holds all the same.
  if (type === MessageType.VoteResp || type === MessageType.PreVoteResp) learnCommit(raft, message);
  // Term 0: from this node itself, or passed on by a follower; no term to compare.
  if (message.term !== 0 && message.term !== raft.term) {
    const isStillRelevant =
      message.term > raft.term ? enterTerm(raft, message) : answerOldTerm(raft, message);
    if (!isStillRelevant) return true;
  }
  switch (message.type) {
    case MessageType.Hup:
      maybeCampaign(raft, timeoutKind(raft));
      return true;
    case MessageType.StorageAppendResp:
      handleStorageAppended(raft, message);
      return true;
    case MessageType.StorageApplyResp:
      handleStorageApplied(raft, message);
      return true;
    case MessageType.Vote:
    case MessageType.PreVote:
      handleVoteRequest(raft, message);
      return true;
    default:
      return stepByRole(raft, message);
  }
}

function stepByRole(raft: Raft, message: Message): boolean {
  switch (raft.role) {
    case StateType.Leader:
      return stepLeader(raft, message);
    case StateType.Follower:
      return stepFollower(raft, message);
    default:
      return stepCandidate(raft, message);
  }
}

/** A message of a later term: this node is behind. False when the message is to be ignored. */
function enterTerm(raft: Raft, message: Message): boolean {
  const { type, from, term } = message;
  switch (type) {
    case MessageType.Vote:
    case MessageType.PreVote: {
      // Within the minimum election timeout after hearing from a leader, whoever asks for votes is
      // ignored: a removed or returning member must not depose a living leader (NASTY 5).
      const hasLeader = raft.lead !== NONE && raft.electionElapsed < raft.config.electionTick;
      const isInLease = raft.config.checkQuorum && hasLeader;
      if (isInLease && !isTransferContext(message.context)) return false;
      // A pre-vote is a question about a term that nobody has entered yet.
      if (type === MessageType.Vote) becomeFollower(raft, term, NONE);
      return true;
    }
    case MessageType.PreVoteResp:
      // A grant echoes the term asked for; a refusal carries the refuser's own.
      if (message.reject) becomeFollower(raft, term, NONE);
      return true;
    case MessageType.App:
    case MessageType.Heartbeat:
    case MessageType.Snap:
      becomeFollower(raft, term, from);
      return true;
    default:
      becomeFollower(raft, term, NONE);
      return true;
  }
}

/** A message of an earlier term: its sender is behind. Always false: it goes no further. */
function answerOldTerm(raft: Raft, message: Message): boolean {
  const { type, from } = message;
  switch (type) {
    case MessageType.App:
    case MessageType.Heartbeat:
      // With pre-vote or the lease this node can not make itself heard by campaigning, so an old
      // leader must learn the term from an answer, or both could be stuck for ever (NASTY 7).
      if (raft.config.checkQuorum || raft.config.preVote) {
        raft.send(raft.draft(MessageType.AppResp, from));
      }
      return false;
    case MessageType.PreVote: {
      const response = raft.draft(MessageType.PreVoteResp, from);
      response.reject = true;
      sendVoteResponse(raft, response);
      return false;
    }
    case MessageType.StorageAppendResp:
      handleStaleStorageAppended(raft, message);
      return false;
    default:
      return false;
  }
}

function stepLeader(raft: Raft, message: Message): boolean {
  switch (message.type) {
    case MessageType.Beat:
      broadcastHeartbeat(raft);
      return true;
    case MessageType.CheckQuorum:
      checkQuorum(raft);
      return true;
    case MessageType.Prop:
      return leaderPropose(raft, message.entries);
    case MessageType.ReadIndex:
      leaderRead(raft, message);
      return true;
  }
  // The rest is about one member; from others it is too late or a mistake.
  const progress = raft.tracker.get(message.from);
  if (progress === undefined) return true;
  switch (message.type) {
    case MessageType.AppResp:
      handleAppendResponse(raft, message, progress);
      return true;
    case MessageType.HeartbeatResp:
      handleHeartbeatResponse(raft, message, progress);
      return true;
    case MessageType.SnapStatus:
      handleSnapshotStatus(message, progress);
      return true;
    case MessageType.Unreachable:
      handleUnreachable(progress);
      return true;
    case MessageType.TransferLeader:
      handleTransfer(raft, message, progress);
      return true;
    default:
      return true;
  }
}

/** Candidates and pre-candidates, which differ only in whose answers they count. */
function stepCandidate(raft: Raft, message: Message): boolean {
  const { type, term, from } = message;
  switch (type) {
    case MessageType.Prop:
      return false;
    case MessageType.App:
      becomeFollower(raft, term, from);
      handleAppend(raft, message);
      return true;
    case MessageType.Heartbeat:
      becomeFollower(raft, term, from);
      handleHeartbeat(raft, message);
      return true;
    case MessageType.Snap:
      becomeFollower(raft, term, from);
      handleSnapshot(raft, message);
      return true;
    case MessageType.VoteResp:
      if (raft.role === StateType.Candidate) handleVoteResponse(raft, message);
      return true;
    case MessageType.PreVoteResp:
      if (raft.role === StateType.PreCandidate) handleVoteResponse(raft, message);
      return true;
    default:
      return true;
  }
}

function stepFollower(raft: Raft, message: Message): boolean {
  switch (message.type) {
    case MessageType.Prop:
      if (raft.lead === NONE || raft.config.disableProposalForwarding) return false;
      forwardToLeader(raft, message, 0);
      return true;
    case MessageType.App:
      heardFromLeader(raft, message);
      handleAppend(raft, message);
      return true;
    case MessageType.Heartbeat:
      heardFromLeader(raft, message);
      handleHeartbeat(raft, message);
      return true;
    case MessageType.Snap:
      heardFromLeader(raft, message);
      handleSnapshot(raft, message);
      return true;
    case MessageType.TransferLeader:
      forwardToLeader(raft, message, raft.term);
      return true;
    case MessageType.ReadIndex:
      forwardToLeader(raft, message, 0);
      return true;
    case MessageType.ForgetLeader:
      // With lease reads a leader relies on its followers' silence, which this would break.
      if (raft.config.readOnlyOption !== 'lease-based') raft.lead = NONE;
      return true;
    case MessageType.TimeoutNow:
      // The leader itself asks for it: no need to find out whether it is still alive.
      maybeCampaign(raft, 'transfer', message.from);
      return true;
    case MessageType.ReadIndexResp:
      followerReadAnswered(raft, message);
      return true;
    default:
      return true;
  }
}

function heardFromLeader(raft: Raft, message: Message): void {
  reconsiderPostponed(raft, message);
  raft.electionElapsed = 0;
  raft.lead = message.from;
  raft.heir = NONE;
}

function forwardToLeader(raft: Raft, message: Message, term: number): void {
  if (raft.lead === NONE) return;
  const draft = forwardMessage(message, raft.lead);
  if (draft.from === NONE) draft.from = raft.id;
  draft.term = term;
  raft.send(draft);
}
