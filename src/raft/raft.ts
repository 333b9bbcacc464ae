/**
 * The state of one member of a group (paper, figure 2), and the few acts that every handler needs:
 * sending, starting a term anew, asking who this node is. What happens on a message is in the files
 * beside this one, one concern each; `step.ts` decides which of them gets it.
 *
 * The rules that hold between any two calls:
 * - `term` never falls, and within a term `vote` changes only from nobody to somebody (NASTY 1).
 * - Answers that promise something durable wait in `messagesAfterAppend`; all else may leave at once.
 * - A leader never replaces entries of its own log, and counts itself through its own disk's answer
 *   like everybody else (NASTY 20).
 */
import { assert, violated } from '../errors.ts';
import { restoreMembership } from './confchange/restore.ts';
import type { CheckedConfig } from './config.ts';
import type { PostponedCampaign } from './election.ts';
import { RaftLog } from './log.ts';
import { draftMessage, type MessageDraft, mustWaitForDisk, withMessage } from './messages.ts';
import { ReadOnly } from './read-only.ts';
import { type Configuration, toConfState } from './tracker/configuration.ts';
import { ProgressTracker } from './tracker/progress-tracker.ts';
import {
  type ConfState,
  type HardState,
  type LogIndex,
  type Message,
  type MessageType,
  NONE,
  type RaftId,
  type ReadState,
  type SoftState,
  StateType,
  type Term,
} from './types.ts';

export class Raft {
  readonly config: CheckedConfig;
  readonly id: RaftId;
  readonly log: RaftLog;
  tracker: ProgressTracker;

  term: Term = 0;
  vote: RaftId = NONE;
  role: StateType = StateType.Follower;
  lead: RaftId = NONE;

  /** Whom leadership is being handed to; proposals are refused meanwhile. */
  leadTransferee: RaftId = NONE;
  /** A membership change may be proposed only once everything up to here is applied. */
  pendingConfIndex: LogIndex = 0;
  /** Data bytes of the entries that this leader has appended and that were not applied yet. */
  uncommittedBytes = 0;

  readOnly: ReadOnly = new ReadOnly();
  /** Who was voted for here at the leader's own wish, until it leads or nothing came of it; perhaps this node. */
  heir: RaftId = NONE;
  postponed: PostponedCampaign | undefined;
  /** This leader's first appends are not made yet, see `announce`. */
  isUnannounced = false;
  /** Reads that wait for this leader's first commit in its term (NASTY 22). */
  heldReads: Message[] = [];
  readStates: ReadState[] = [];

  /** May leave at once. */
  messages: Message[] = [];
  /** May leave once everything appended so far, and the hard state, are durable. */
  messagesAfterAppend: Message[] = [];

  /** Ticks since an election timeout last began: for a leader, since its last quorum check. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** Drawn anew in every term, or members that collide once would collide for ever (NASTY 10). */
  randomizedElectionTimeout = 0;

  #confState: ConfState;
  #confStateOf: Configuration;

  constructor(config: CheckedConfig) {
    this.config = config;
    this.id = config.id;
    const { storage } = config;
    this.log = new RaftLog(storage, config.maxCommittedSizePerReady);
    this.tracker = this.newTracker();
    const { hardState, confState } = storage.initialState();
    restoreMembership(this.tracker, confState, this.log.lastIndex());
    this.#confStateOf = this.tracker.config;
    this.#confState = toConfState(this.tracker.config);
    this.#loadHardState(hardState);
    if (config.applied > 0) this.log.appliedTo(config.applied, 0);
    this.reset(this.term);
  }

  newTracker(): ProgressTracker {
    return new ProgressTracker(this.config.maxInflightMsgs, this.config.maxInflightBytes);
  }

  /** All that a new term, or a new role in the same one, forgets. */
  reset(term: Term): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = NONE;
    }
    this.lead = NONE;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.drawElectionTimeout();
    this.leadTransferee = NONE;
    this.heir = NONE;
    this.postponed = undefined;
    this.tracker.reset(this.id, this.log.lastIndex());
    this.pendingConfIndex = 0;
    this.uncommittedBytes = 0;
    this.readOnly = new ReadOnly();
    this.isUnannounced = false;
    this.log.reads.forgetPeers();
  }

  drawElectionTimeout(): void {
    const { electionTick, random } = this.config;
    const extra = random(electionTick);
    assert(
      Number.isInteger(extra) && extra >= 0 && extra < electionTick,
      'config.random must return an integer in [0, bound)',
      { bound: electionTick, returned: extra },
    );
    this.randomizedElectionTimeout = electionTick + extra;
  }

  get isLeader(): boolean {
    return this.role === StateType.Leader;
  }

  /**
   * Whether this node may campaign: a voter, with its own log in order. One that is about to install
   * a snapshot does not know the membership yet.
   */
  get isPromotable(): boolean {
    const own = this.tracker.get(this.id);
    return own !== undefined && !own.isLearner && !this.log.hasPendingSnapshot;
  }

  /** A message from this node in its present term. */
  draft(type: MessageType, to: RaftId): MessageDraft {
    return draftMessage(type, to, this.id, this.term);
  }

  send(message: Message): void {
    if (mustWaitForDisk(message.type)) {
      this.messagesAfterAppend = withMessage(this.messagesAfterAppend, message);
      return;
    }
    if (message.to === this.id) {
      violated('a message to itself', { type: message.type, id: this.id });
    }
    this.messages = withMessage(this.messages, message);
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  softState(): SoftState {
    return { lead: this.lead, state: this.role };
  }

  confState(): ConfState {
    if (this.#confStateOf !== this.tracker.config) {
      this.#confStateOf = this.tracker.config;
      this.#confState = toConfState(this.tracker.config);
    }
    return this.#confState;
  }

  #loadHardState({ term, vote, commit }: HardState): void {
    if (term === 0 && vote === NONE && commit === 0) return;
    const { committed } = this.log;
    assert(
      commit >= committed && commit <= this.log.lastIndex(),
      'the stored commit index lies outside the stored log: the log was lost or cut',
      { commit, committed, lastIndex: this.log.lastIndex() },
    );
    this.log.committed = commit;
    this.term = term;
    this.vote = vote;
  }
}
