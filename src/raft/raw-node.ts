/**
 * The core as its caller sees it: inputs as methods, one output, `ready()`. See `index.ts` for the
 * contract. Everything happens inside the call; nothing is kept of what was passed in but entries'
 * and contexts' bytes, which must not be changed afterwards.
 */
import { assert, ClusterError } from '../errors.ts';
import { encodeConfChange, encodeConfChangeV2 } from './codec/index.ts';
import { isConfChangeV2, toConfChangeV2 } from './confchange/conf-change.ts';
import { checkConfig, type RaftConfig } from './config.ts';
import { makeEntry } from './entries.ts';
import { applyConfChange } from './membership.ts';
import {
  draftMessage,
  isFromSomebody,
  isLocalType,
  isResponseType,
  isStorageThread,
  type MessageDraft,
  withMessage,
} from './messages.ts';
import { Raft } from './raft.ts';
import {
  appendedAnswer,
  appliedAnswer,
  hasWrites,
  needsAppendedAnswer,
  storageAppend,
  storageApply,
  type Writes,
} from './ready.ts';
import { announce, sendAllAppends } from './replication.ts';
import { step } from './step.ts';
import { tick } from './ticking.ts';
import {
  type BasicStatus,
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  EntryType,
  type HardState,
  type LogIndex,
  type Message,
  MessageType,
  NONE,
  type PeerProgress,
  type RaftId,
  type RaftStatus,
  type ReadState,
  type Ready,
  type SoftState,
  type Term,
} from './types.ts';

const NO_READ_STATES: readonly ReadState[] = [];

/**
 * One member of one group: the Raft algorithm as a pure state machine. The module's own comment is
 * its contract: what goes in, what comes out, and in which order that must be dealt with.
 */
export class RawNode {
  readonly #raft: Raft;
  readonly #isAsync: boolean;
  #lastSoftState: SoftState;
  #lastHardState: HardState;
  /** Synchronous mode: what `advance` steps, because the last Ready has been dealt with. */
  #onAdvance: Message[] = [];

  /** @throws ClusterError CONFIG_INVALID */
  constructor(config: RaftConfig) {
    const checked = checkConfig(config);
    this.#raft = new Raft(checked);
    this.#isAsync = checked.asyncStorageWrites;
    this.#lastSoftState = this.#raft.softState();
    this.#lastHardState = this.#raft.hardState();
  }

  /** This member's id in its group. */
  get id(): RaftId {
    return this.#raft.id;
  }

  /** The newest term that was seen, durable or not. */
  get term(): Term {
    return this.#raft.term;
  }

  /** Role and leader as they are now; `Ready` tells when they have changed. */
  get softState(): SoftState {
    return this.#raft.softState();
  }

  /**
   * Whom this node has voted for because the leader hands over to it: it will lead in a moment, if nothing goes
   * wrong. Perhaps itself, also between two campaigns. NONE where there is no such one, and once it leads.
   */
  get heir(): RaftId {
    return this.#raft.heir;
  }

  /** Of the log as the core has it: what was proposed a moment ago included. */
  get lastIndex(): LogIndex {
    return this.#raft.log.lastIndex();
  }

  // ---- inputs -----------------------------------------------------------------------------------

  /** One unit of time has passed. */
  tick(): void {
    tick(this.#raft);
  }

  /** Campaigns now (with a pre-vote first, if so configured), unless this node leads or must not. */
  campaign(): void {
    step(this.#raft, this.#draft(MessageType.Hup));
  }

  /** @throws ClusterError PROPOSAL_DROPPED when there is no leader, or it does not take it. */
  propose(data: Uint8Array): void {
    this.#propose([makeEntry(0, 0, EntryType.Normal, data)]);
  }

  /**
   * Several entries in one proposal: taken or dropped together.
   * @throws ClusterError PROPOSAL_DROPPED
   */
  proposeEntries(datas: readonly Uint8Array[]): void {
    if (datas.length === 0) return;
    this.#propose(datas.map((data) => makeEntry(0, 0, EntryType.Normal, data)));
  }

  /**
   * A change that must not be made now comes out as an empty entry instead.
   * @throws ClusterError PROPOSAL_DROPPED
   */
  proposeConfChange(change: ConfChange | ConfChangeV2): void {
    const entry = isConfChangeV2(change)
      ? makeEntry(0, 0, EntryType.ConfChangeV2, encodeConfChangeV2(change))
      : makeEntry(0, 0, EntryType.ConfChange, encodeConfChange(change));
    this.#propose([entry]);
  }

  /**
   * A committed change takes effect. Must be called for each one, before the entry is reported as
   * applied; with the node id 0 in it for a change that the application refuses.
   */
  applyConfChange(change: ConfChange | ConfChangeV2): ConfState {
    return applyConfChange(this.#raft, toConfChangeV2(change));
  }

  /**
   * A message came from a peer, or a response from a storage thread. One that no peer could have
   * sent - without a sender or a term - is passed over.
   * @throws ClusterError STEP_LOCAL, STEP_PEER_UNKNOWN, PROPOSAL_DROPPED
   */
  step(message: Message): void {
    const { type, from } = message;
    if (!isStorageThread(from)) {
      if (isLocalType(type)) {
        throw new ClusterError('STEP_LOCAL', 'raft: cannot step raft local message', {
          details: { type, from },
        });
      }
      if (isResponseType(type) && this.#raft.tracker.get(from) === undefined) {
        throw new ClusterError('STEP_PEER_UNKNOWN', 'raft: cannot step as peer not found', {
          details: { type, from },
        });
      }
      if (!isFromSomebody(message, this.#raft.id)) return;
    }
    this.#step(message);
  }

  /**
   * Asks for a linearizable read. The answer comes as a ReadState with the same context, or not at
   * all (no leader, lost messages, RAFT_READS_WAITING_MAX of them waiting already): ask again, with a
   * context of its own.
   */
  readIndex(context: Uint8Array): void {
    const message = draftMessage(MessageType.ReadIndex, NONE, NONE, 0);
    message.entries = [makeEntry(0, 0, EntryType.Normal, context)];
    step(this.#raft, message);
  }

  /** Asks the leader, be it this node or not, to hand over to `to`. It may fail silently. */
  transferLeadership(to: RaftId): void {
    const message = this.#draft(MessageType.TransferLeader);
    message.from = to;
    step(this.#raft, message);
  }

  /** The leader is known to be gone: votes may be granted, and asked for, at once. */
  forgetLeader(): void {
    step(this.#raft, this.#draft(MessageType.ForgetLeader));
  }

  /** The last message to `id` was not sent. */
  reportUnreachable(id: RaftId): void {
    const message = this.#draft(MessageType.Unreachable);
    message.from = id;
    step(this.#raft, message);
  }

  /** How sending a snapshot ended. Must be called for each one, or the follower stays paused. */
  reportSnapshot(id: RaftId, ok: boolean): void {
    const message = this.#draft(MessageType.SnapStatus);
    message.from = id;
    message.reject = !ok;
    step(this.#raft, message);
  }

  /** What was asked for in `Ready.logReads` has been loaded, or can be had as a snapshot only. */
  logReadDone(): void {
    const raft = this.#raft;
    for (const id of raft.log.reads.done()) {
      if (raft.isLeader && raft.tracker.get(id) !== undefined) sendAllAppends(raft, id);
    }
  }

  // ---- output -----------------------------------------------------------------------------------

  /** Whether `ready` would hold anything. */
  hasReady(): boolean {
    const raft = this.#raft;
    const { log } = raft;
    return (
      raft.messages.length > 0 ||
      raft.messagesAfterAppend.length > 0 ||
      log.unstable.hasNextEntries ||
      log.hasNextCommitted(!this.#isAsync) ||
      raft.readStates.length > 0 ||
      log.unstable.nextSnapshot() !== undefined ||
      log.reads.hasWanted ||
      this.#isSoftStateChanged() ||
      this.#isHardStateChanged()
    );
  }

  /** Takes everything that is to be done now. The core counts on it being done. */
  ready(): Ready {
    const raft = this.#raft;
    const { log } = raft;
    announce(raft);
    const isMustSync = this.#isTermOrVoteChanged() || log.unstable.hasNextEntries;
    const softState = this.#isSoftStateChanged() ? raft.softState() : undefined;
    const hardState = this.#isHardStateChanged() ? raft.hardState() : undefined;
    const writes: Writes = {
      entries: log.unstable.nextEntries(),
      hardState,
      snapshot: log.unstable.nextSnapshot(),
    };
    const committedEntries = log.nextCommitted(!this.#isAsync);
    const messages = this.#outgoing(writes, committedEntries);
    const readStates = raft.readStates.length > 0 ? raft.readStates : NO_READ_STATES;

    if (softState !== undefined) this.#lastSoftState = softState;
    if (hardState !== undefined) this.#lastHardState = hardState;
    if (raft.readStates.length > 0) raft.readStates = [];
    if (raft.messagesAfterAppend.length > 0) raft.messagesAfterAppend = [];
    log.unstable.acceptInProgress();
    if (committedEntries.length > 0) log.acceptApplying(committedEntries, !this.#isAsync);
    return {
      softState,
      hardState,
      readStates,
      entries: writes.entries,
      snapshot: writes.snapshot,
      committedEntries,
      messages,
      mustSync: isMustSync,
      logReads: log.reads.take(),
    };
  }

  /** Synchronous mode: the last Ready has been written, sent and applied. */
  advance(): void {
    assert(!this.#isAsync, 'advance is for synchronous storage; step the responses instead');
    const messages = this.#onAdvance;
    this.#onAdvance = [];
    for (const message of messages) step(this.#raft, message);
  }

  // ---- observation ------------------------------------------------------------------------------

  /** Roles, term, commit index and members; costs next to nothing. */
  basicStatus(): BasicStatus {
    const raft = this.#raft;
    return {
      id: raft.id,
      hardState: raft.hardState(),
      softState: raft.softState(),
      applied: raft.log.applied,
      lead: raft.lead,
      leadTransferee: raft.leadTransferee,
      config: raft.confState(),
    };
  }

  /** As `basicStatus`, and on the leader what it knows of each member. A copy. */
  status(): RaftStatus {
    const progress = new Map<RaftId, PeerProgress>();
    if (this.#raft.isLeader) {
      for (const [id, peer] of this.#raft.tracker.progress) progress.set(id, peer.report());
    }
    return { ...this.basicStatus(), progress };
  }

  /** For tests only: holds until the core draws the next timeout. */
  setRandomizedElectionTimeout(ticks: number): void {
    this.#raft.randomizedElectionTimeout = ticks;
  }

  // ---- inside -----------------------------------------------------------------------------------

  #draft(type: MessageType): MessageDraft {
    return draftMessage(type, NONE, NONE, 0);
  }

  #propose(entries: readonly Entry[]): void {
    const message = draftMessage(MessageType.Prop, NONE, this.#raft.id, 0);
    message.entries = entries;
    this.#step(message);
  }

  #step(message: Message): void {
    if (step(this.#raft, message)) return;
    const { lead, leadTransferee, role } = this.#raft;
    throw new ClusterError('PROPOSAL_DROPPED', 'raft proposal dropped', {
      details: { lead, leadTransferee, role },
    });
  }

  /** The messages of this Ready; in synchronous mode also what `advance` will step. */
  #outgoing(writes: Writes, committed: readonly Entry[]): readonly Message[] {
    const raft = this.#raft;
    let { messages } = raft;
    if (messages.length > 0) raft.messages = [];
    if (this.#isAsync) {
      if (hasWrites(raft, writes)) messages = withMessage(messages, storageAppend(raft, writes));
      if (committed.length > 0) messages = withMessage(messages, storageApply(raft, committed));
      return messages;
    }
    assert(this.#onAdvance.length === 0, 'ready was called twice without advance');
    for (const message of raft.messagesAfterAppend) {
      if (message.to === raft.id) this.#stepOnAdvance(message);
      else messages = withMessage(messages, message);
    }
    if (needsAppendedAnswer(raft, writes)) this.#stepOnAdvance(appendedAnswer(raft, writes));
    if (committed.length > 0) this.#stepOnAdvance(appliedAnswer(raft, committed));
    return messages;
  }

  #stepOnAdvance(message: Message): void {
    this.#onAdvance = withMessage(this.#onAdvance, message);
  }

  #isSoftStateChanged(): boolean {
    const { lead, role } = this.#raft;
    return lead !== this.#lastSoftState.lead || role !== this.#lastSoftState.state;
  }

  #isHardStateChanged(): boolean {
    return this.#raft.log.committed !== this.#lastHardState.commit || this.#isTermOrVoteChanged();
  }

  #isTermOrVoteChanged(): boolean {
    const { term, vote } = this.#raft;
    return term !== this.#lastHardState.term || vote !== this.#lastHardState.vote;
  }
}
