/**
 * A durable Raft node: the pure core, a storage, a transport and a state machine, tied together by
 * one loop.
 *
 * The loop never waits. Every input (a message, a tick, a proposal, a finished write) changes the core
 * at once and asks for a turn; a turn takes what waits, lets the core say what is to be done, and
 * starts it: appends go to the storage, messages to the peers, side by side; committed entries to the
 * state machine. What finishes later is another input. So while one batch is synced the next gathers.
 *
 * The rules that it protects:
 * - What depends on durability (votes, acknowledgements) leaves only as the response of the append
 *   that holds it: the core runs with asynchronous storage writes, which tie the two together.
 * - After a fault (a failed write, a bug) nothing leaves any more: the node stops taking part.
 * - Nothing is assumed after an `await`: what comes back checks first whether the node still runs.
 */
import { ClusterError } from '../errors.ts';
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type ConfChangeV2,
  type LogIndex,
  type Message,
  MessageType,
  NONE,
  type RaftId,
  RawNode,
  type Ready,
  StateType,
  type Term,
} from '../raft/index.ts';
import type { Identity, Storage } from '../storage/index.ts';
import type { Transport, UnreachableReason } from '../transport/index.ts';
import type { Logger, Timer, World } from '../world/index.ts';
import { Admission } from './admission.ts';
import { applyEntries } from './applier.ts';
import { cloneConfig, type RaftNodeConfig, validateConfig } from './config.ts';
import { CommandKind, encodePart } from './envelope.ts';
import { memberStatuses, quorumOf, ROLE_NAMES, waitedInVain } from './explain.ts';
import {
  decodeAnswers,
  decodeProposals,
  encodeAnswers,
  encodeProposals,
  FrameKind,
} from './forwarding.ts';
import { foundOrCheck } from './founding.ts';
import { LatestValue } from './latest-value.ts';
import { checkNodeId, type MemberRecord } from './members.ts';
import {
  addLearnerChange,
  addVoterChange,
  MembershipChanges,
  removeChange,
} from './membership-changes.ts';
import { type ForwardAnswer, type LocalProposal, Proposals } from './proposals.ts';
import { Reads } from './reads.ts';
import { decodeNumber, encodeNumbers, Replica } from './replica.ts';
import { NodeResultCode } from './sessions.ts';
import { Snapshots } from './snapshots.ts';
import { Ticker } from './ticker.ts';
import type {
  LeaderChange,
  Member,
  NodeFailure,
  NodePhase,
  NodeStatus,
  ProposeOptions,
  ProposeResult,
  RequestId,
  SessionId,
  StateMachine,
  WaitOptions,
} from './types.ts';

/** Rounds of the core's output handled in one turn before sockets and timers get theirs. */
const READY_ROUNDS_MAX = 16;
/** Committed bytes applied in one round, so that applying never holds the loop for long. */
const APPLY_BYTES_MAX = 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 5_000;
/** Ticks between two looks for sessions that nobody uses. */
const SESSION_CHECK_TICKS = 100;
/** Between two followers that both saw their leader's process die, the later one waits this long. */
const SUCCESSION_STEP_MS = 25;

export interface RaftNodeParts {
  readonly world: World;
  /** Opened, and the node's own from now on: `stop` closes it. */
  readonly storage: Storage;
  readonly transport: Transport;
  readonly machine: StateMachine;
}

export class RaftNode implements AsyncDisposable {
  readonly #config: RaftNodeConfig;
  readonly #world: World;
  readonly #storage: Storage;
  readonly #transport: Transport;
  readonly #logger: Logger;
  readonly #replica: Replica;
  readonly #proposals: Proposals;
  readonly #changes = new MembershipChanges();
  readonly #reads: Reads;
  readonly #admission: Admission;
  readonly #ticker: Ticker;
  readonly #leaderChange = new LatestValue<LeaderChange>({
    sequence: 0,
    term: 0,
    leader: undefined,
    isLeader: false,
  });
  #snapshots!: Snapshots;
  #core!: RawNode;
  #identity: Identity | undefined;
  #phase: NodePhase = 'new';
  #failure: ClusterError | undefined;
  #resolveFailed!: (error: Error) => void;
  #stopping: Promise<void> | undefined;

  #role: StateType = StateType.Follower;
  #leaderId: RaftId = NONE;
  #turnAsked = false;
  #ticks = 0;
  /** Answers to followers' proposals, gathered during a turn. */
  #answers = new Map<RaftId, ForwardAnswer[]>();
  /** Set while a snapshot is being installed: what must be stored after it. */
  #installing: Promise<void> | undefined;
  #succession: Timer | undefined;
  readonly #refusedBy = new Set<RaftId>();
  /** When each session was first seen with its newest use; the leader's view, for expiry. */
  #sessionUses = new Map<SessionId, { lastIndex: LogIndex; since: number }>();

  /** Resolves with the reason when the node has stopped taking part for good; never on `stop`. */
  readonly failed: Promise<Error>;

  /** @throws ClusterError CONFIG_INVALID. */
  constructor(config: RaftNodeConfig, parts: RaftNodeParts) {
    validateConfig(config);
    this.#config = cloneConfig(config);
    this.#world = parts.world;
    this.#storage = parts.storage;
    this.#transport = parts.transport;
    this.#logger = parts.world.logger.child({ node: config.nodeId });
    this.#replica = new Replica(parts.machine);
    this.#admission = new Admission(parts.storage, this.#replica.members);
    this.failed = new Promise((resolve) => {
      this.#resolveFailed = resolve;
    });
    const { clock, random } = parts.world;
    this.#proposals = new Proposals({
      now: () => clock.now(),
      append: (envelope) => this.#appendToLog(envelope),
      forward: (to, proposals) => this.#forward(to, proposals),
      answer: (to, answer) => this.#queueAnswer(to, answer),
      appliedIndex: () => this.#replica.appliedIndex,
      explainWaiting: (stage) => waitedInVain(this.status(), stage),
    });
    const readHost = {
      now: () => clock.now(),
      appliedIndex: () => this.#replica.appliedIndex,
      askReadIndex: (context: Uint8Array) => this.#askReadIndex(context),
      explainWaiting: () => waitedInVain(this.status(), 'read'),
    };
    const retryTicks = 2 * config.heartbeatTicks + 1;
    this.#reads = new Reads(readHost, random.below(2 ** 32), retryTicks);
    this.#ticker = new Ticker(clock, config.tickIntervalMs, (lateMs) => this.#tick(lateMs));
  }

  get nodeId(): string {
    return this.#config.nodeId;
  }

  get phase(): NodePhase {
    return this.#phase;
  }

  get isLeader(): boolean {
    return this.#role === StateType.Leader && this.#phase !== 'failed';
  }

  get leader(): Member | undefined {
    return this.#leaderChange.value.leader;
  }

  get appliedIndex(): LogIndex {
    return this.#replica.appliedIndex;
  }

  // ---- life -------------------------------------------------------------------------------------

  /**
   * Founds or opens the node's state, restores the state machine, and begins to take part.
   * @throws ClusterError DATA_DIR_MISMATCH, DATA_CORRUPT, ADDRESS_IN_USE, ADDRESS_INVALID.
   */
  async start(): Promise<void> {
    if (this.#phase !== 'new') {
      throw new ClusterError('NODE_STOPPED', `the node is ${this.#phase}: make a new one`);
    }
    this.#phase = 'starting';
    try {
      await this.#open();
    } catch (error) {
      this.#phase = 'stopped';
      await this.#transport.stop();
      await this.#storage.close();
      throw error;
    }
  }

  async #open(): Promise<void> {
    const { config, storage, replica } = this.#internals();
    storage.onFailure((error) => this.#fail(error));
    this.#identity = await foundOrCheck(config, storage, replica, this.#world.random);
    await this.#restoreNewest();
    await this.#admission.load();
    this.#snapshots = new Snapshots({
      config,
      storage,
      replica,
      logger: this.#logger,
      sendBulk: (message, source) => this.#transport.sendBulk(message, source),
      stepSnapshot: (message) => this.#step(message),
      reportSnapshot: (to, ok) => {
        if (!this.#takesPart) return;
        this.#core.reportSnapshot(to, ok);
        this.#askTurn();
      },
    });
    this.#core = this.#newCore(this.#identity.raftId);
    this.#phase = 'running';
    this.#syncPeers();
    await this.#startTransport(this.#identity);
    this.#ticker.start();
    this.#logger.info('node.started', {
      cluster: this.#identity.clusterName,
      raftId: this.#identity.raftId,
      term: this.#core.term,
      lastIndex: storage.lastIndex(),
      appliedIndex: replica.appliedIndex,
      voters: replica.members.confState.voters.length,
    });
    if (replica.members.confState.voters.length === 1) this.#core.campaign();
    this.#askTurn();
  }

  #internals(): { config: RaftNodeConfig; storage: Storage; replica: Replica } {
    return { config: this.#config, storage: this.#storage, replica: this.#replica };
  }

  async #restoreNewest(): Promise<void> {
    const newest = this.#storage.newestSnapshot;
    if (newest === undefined) {
      throw new ClusterError('DATA_CORRUPT', 'the data folder holds no snapshot to start from');
    }
    const reader = await this.#storage.openSnapshot(newest);
    try {
      await this.#replica.restore(reader);
    } finally {
      await reader.close();
    }
  }

  #newCore(id: RaftId): RawNode {
    const config = this.#config;
    return new RawNode({
      id,
      electionTick: config.electionTicks,
      heartbeatTick: config.heartbeatTicks,
      storage: this.#storage,
      applied: this.#replica.appliedIndex,
      asyncStorageWrites: true,
      maxSizePerMsg: config.maxBytesPerMessage,
      maxCommittedSizePerReady: APPLY_BYTES_MAX,
      maxUncommittedEntriesSize: config.maxUncommittedBytes,
      maxInflightMsgs: config.maxInflightMessages,
      maxInflightBytes: config.maxInflightBytes,
      preVote: config.preVote,
      checkQuorum: config.checkQuorum,
      disableProposalForwarding: true,
      stepDownOnRemoval: true,
      random: (bound) => this.#world.random.below(bound),
    });
  }

  async #startTransport(identity: Identity): Promise<void> {
    const self = this.#config.cluster.members.find((m) => m.nodeId === this.nodeId);
    const address = self?.address ?? this.#replica.members.get(identity.raftId)?.address ?? '';
    await this.#transport.start(
      { ...identity, address },
      {
        messages: (from, messages) => this.#receive(from, messages),
        frame: (from, kind, payload) => this.#receiveFrame(from, kind, payload),
        connected: (peer) => this.#connected(peer),
        unreachable: (peer, reason, error) => this.#unreachable(peer, reason, error),
        bulk: (from, message) => this.#snapshots.receive(from, message),
        admit: (peer) => this.#admission.admit(peer),
      },
    );
  }

  /**
   * Ends this node's part in good order: takes no more proposals, finishes those under way, hands
   * leadership over, closes. Bounded by `stopTimeoutMs`. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    if (this.#phase === 'running') {
      this.#phase = 'stopping';
      const until = this.#world.clock.now() + this.#config.stopTimeoutMs;
      await this.#waitUntil(
        () => this.#proposals.unanswered === 0,
        until - 0.5 * this.#config.stopTimeoutMs,
      );
      await this.#handOver(until);
    }
    if (this.#phase !== 'failed') this.#phase = 'stopped';
    this.#shutDown(new ClusterError('NODE_STOPPED', 'the node was stopped'));
    await this.#transport.stop();
    await this.#snapshots?.settle();
    await this.#storage.close();
    this.#logger.info('node.stopped');
  }

  /** Hands leadership to the follower that is furthest, and waits until it has it. */
  async #handOver(until: number): Promise<void> {
    if (!this.isLeader || this.#phase !== 'stopping') return;
    const to = this.#bestSuccessor();
    if (to === undefined) return;
    this.#logger.info('leader.handingOver', { to: this.#memberOf(to)?.nodeId });
    this.#core.transferLeadership(to);
    this.#askTurn();
    await this.#waitUntil(() => !this.isLeader && this.#leaderId !== NONE, until);
  }

  #bestSuccessor(): RaftId | undefined {
    const { voters } = this.#replica.members.confState;
    let best: RaftId | undefined;
    let furthest = -1;
    for (const [id, progress] of this.#core.status().progress) {
      if (id === this.#identity?.raftId || !voters.includes(id) || !progress.recentActive) continue;
      if (progress.match > furthest) [best, furthest] = [id, progress.match];
    }
    return best;
  }

  /** Resolves when the condition holds after some turn, at the latest at `until`. */
  async #waitUntil(condition: () => boolean, until: number): Promise<void> {
    const { clock } = this.#world;
    while (this.#takesPart && !condition() && clock.now() < until) {
      await new Promise<void>((resolve) => {
        clock.after(Math.min(5, Math.max(0, until - clock.now())), resolve);
      });
    }
  }

  /** Whether the core may still change and anything may still leave. */
  get #takesPart(): boolean {
    return this.#phase === 'running' || this.#phase === 'stopping';
  }

  /** A fault that can not be mended here: this node stops taking part, for good. */
  #fail(cause: unknown): void {
    if (this.#phase === 'failed' || this.#phase === 'stopped') return;
    const error = toFailure(cause);
    this.#failure = error;
    this.#phase = 'failed';
    this.#logger.error('node.failed', { code: error.code, error: error.message });
    const told = `node ${this.nodeId} has stopped taking part: ${error.message}`;
    this.#shutDown(new ClusterError('NODE_FAILED', told, { cause: error }));
    void this.#transport.stop().catch(() => undefined);
    this.#resolveFailed(error);
  }

  #shutDown(error: ClusterError): void {
    this.#ticker.stop();
    this.#succession?.cancel();
    this.#role = StateType.Follower;
    this.#setLeader(NONE);
    this.#leaderChange.end();
    this.#proposals.failAll(error);
    this.#reads.failAll(error);
    this.#changes.failAll(error);
  }

  // ---- what may be asked -------------------------------------------------------------------------

  /**
   * Proposes a command; resolves with the state machine's result once this node has applied it.
   *
   * Rejects with
   * - COMMAND_TOO_LARGE, OVERLOADED, NODE_STOPPED, NODE_FAILED, NO_LEADER, NO_QUORUM: nothing was proposed;
   * - OUTCOME_UNKNOWN, ABORTED: it may or may not take effect;
   * - SESSION_EXPIRED, SEQUENCE_STALE: the request id is not answered any more; not applied now.
   */
  async propose(command: Uint8Array, options: ProposeOptions = {}): Promise<ProposeResult> {
    if (command.length > this.#config.commandBytesMax) {
      throw new ClusterError(
        'COMMAND_TOO_LARGE',
        `the command has ${command.length} bytes, at most ${this.#config.commandBytesMax} are taken`,
        { details: { bytes: command.length, max: this.#config.commandBytesMax } },
      );
    }
    if (options.request !== undefined) checkRequest(options.request);
    const part = encodePart(CommandKind.Application, command, options.request);
    const result = await this.#proposePart(part, options.request !== undefined, options);
    if (result.code === NodeResultCode.SessionExpired) throw sessionExpired(options.request);
    if (result.code === NodeResultCode.SequenceStale) throw sequenceStale(options.request);
    return result;
  }

  /** Opens a session; see `RequestId`. A lost answer leaves one behind, which ends by itself unused. */
  async openSession(options: WaitOptions = {}): Promise<SessionId> {
    const part = encodePart(CommandKind.OpenSession, new Uint8Array(0), undefined);
    return decodeNumber((await this.#proposePart(part, true, options)).bytes);
  }

  async closeSession(session: SessionId, options: WaitOptions = {}): Promise<void> {
    const part = encodePart(CommandKind.CloseSession, encodeNumbers(session), undefined);
    await this.#proposePart(part, true, options);
  }

  /**
   * Resolves when the local state holds every write that was acknowledged anywhere before the call;
   * read it in the same turn. Rejects with NO_LEADER or NO_QUORUM at the deadline.
   */
  async readIndex(options: WaitOptions = {}): Promise<void> {
    this.#checkTakesPart();
    const { promise, read } = this.#reads.add(this.#deadline(options));
    const stopListening = onAbort(options.signal, (error) => this.#reads.abandon(read, error));
    this.#askTurn();
    try {
      await promise;
    } finally {
      stopListening();
    }
  }

  /** Makes the node a member that follows the log but does not vote. Only on the leader. */
  async addLearner(nodeId: string, address: string, options: WaitOptions = {}): Promise<Member> {
    checkNodeId(nodeId, 'nodeId');
    this.#checkLeads();
    const part = encodePart(CommandKind.MintMember, Buffer.from(nodeId), undefined);
    const minted = await this.#proposePart(part, false, options);
    if (minted.code === NodeResultCode.MemberExists) {
      throw new ClusterError('MEMBER_EXISTS', `node ${nodeId} is a member already`);
    }
    const member: MemberRecord = { raftId: decodeNumber(minted.bytes), nodeId, address };
    await this.#change(addLearnerChange(member), options);
    return { ...member, role: 'learner' };
  }

  async promoteLearner(nodeId: string, options: WaitOptions = {}): Promise<void> {
    await this.#change(addVoterChange(this.#memberNamed(nodeId)), options);
  }

  async removeMember(nodeId: string, options: WaitOptions = {}): Promise<void> {
    await this.#change(removeChange(this.#memberNamed(nodeId).raftId), options);
  }

  /** Hands leadership to another voter; resolves when this node knows that it leads. Only on the leader. */
  async transferLeadership(toNodeId: string, options: WaitOptions = {}): Promise<void> {
    this.#checkTakesPart();
    const to = this.#memberNamed(toNodeId);
    if (this.#leaderId === to.raftId) return;
    this.#checkLeads();
    this.#core.transferLeadership(to.raftId);
    this.#askTurn();
    await this.#waitUntil(() => this.#leaderId === to.raftId, this.#deadline(options));
    if (this.#leaderId === to.raftId) return;
    throw new ClusterError(
      'TRANSFER_TIMED_OUT',
      `${toNodeId} did not take over in time; ${this.leader?.nodeId ?? 'nobody'} leads: ` +
        'see whether it is running and has caught up, then try again',
    );
  }

  /** Stands for election now, whatever the timers say. */
  campaign(): void {
    this.#checkTakesPart();
    this.#core.campaign();
    this.#askTurn();
  }

  /** Takes a snapshot of the applied state now. */
  async snapshot(): Promise<void> {
    this.#checkTakesPart();
    await this.#snapshots.save();
  }

  /** Begins with the present state; ends when the node does. */
  leaderChanges(): AsyncIterable<LeaderChange> {
    return this.#leaderChange;
  }

  status(): NodeStatus {
    const { config, storage, replica } = this.#internals();
    const raft = this.#core?.status();
    const self = this.#identity?.raftId ?? 0;
    const peers = this.#takesPart ? this.#transport.status() : [];
    const members =
      raft === undefined ? [] : memberStatuses(self, replica.members.list(), peers, raft);
    return {
      nodeId: config.nodeId,
      raftId: self,
      clusterName: config.cluster.name,
      clusterId: this.#identity?.clusterId ?? '',
      incarnation: this.#identity?.incarnation ?? '',
      phase: this.#phase,
      role: ROLE_NAMES[this.#role],
      term: raft?.hardState.term ?? 0,
      leader: this.leader,
      commitIndex: raft?.hardState.commit ?? 0,
      appliedIndex: replica.appliedIndex,
      firstIndex: storage.firstIndex(),
      lastIndex: storage.lastIndex(),
      durableIndex: storage.durableIndex,
      snapshotIndex: this.#snapshots?.index ?? 0,
      stateHash: replica.stateHash,
      members,
      quorum: quorumOf(members),
      sessions: replica.sessions.size,
      failure: this.#failure && { code: this.#failure.code, message: this.#failure.message },
    };
  }

  // ---- proposals ---------------------------------------------------------------------------------

  async #proposePart(
    part: Uint8Array,
    repeatable: boolean,
    options: WaitOptions,
  ): Promise<ProposeResult> {
    this.#checkAcceptsProposals();
    options.signal?.throwIfAborted();
    const deadline = this.#deadline(options);
    const { promise, proposal } = this.#proposals.addLocal(part, repeatable, deadline);
    const stopListening = onAbort(options.signal, (error) =>
      this.#proposals.abandon(proposal, error),
    );
    this.#askTurn();
    try {
      return await promise;
    } finally {
      stopListening();
    }
  }

  #appendToLog(envelope: Uint8Array): { index: LogIndex; term: Term } | undefined {
    return this.#tryCore(() => this.#core.propose(envelope));
  }

  /** The place of what was proposed, or `undefined` when the core does not take proposals now. */
  #tryCore(propose: () => void): { index: LogIndex; term: Term } | undefined {
    try {
      propose();
    } catch (error) {
      if (error instanceof ClusterError && error.code === 'PROPOSAL_DROPPED') return undefined;
      throw error;
    }
    return { index: this.#core.lastIndex, term: this.#core.term };
  }

  async #change(change: ConfChangeV2, options: WaitOptions): Promise<void> {
    this.#checkAcceptsProposals();
    this.#checkLeads();
    const place = this.#tryCore(() => this.#core.proposeConfChange(change));
    if (place === undefined) {
      throw new ClusterError(
        'PROPOSAL_DROPPED',
        'the leader takes no proposals at this moment (leadership is being handed over, or too ' +
          'much is uncommitted); try again',
      );
    }
    this.#askTurn();
    await this.#changes.wait(place.index, place.term, this.#deadline(options));
  }

  #forward(to: RaftId, proposals: readonly LocalProposal[]): boolean {
    if (this.#config.disableProposalForwarding) return false;
    return this.#sendFrame(to, FrameKind.Proposals, encodeProposals(proposals));
  }

  #queueAnswer(to: RaftId, answer: ForwardAnswer): void {
    const answers = this.#answers.get(to);
    if (answers === undefined) this.#answers.set(to, [answer]);
    else answers.push(answer);
    this.#askTurn();
  }

  #sendAnswers(): void {
    if (this.#answers.size === 0) return;
    const all = this.#answers;
    this.#answers = new Map();
    for (const [to, answers] of all) {
      this.#sendFrame(to, FrameKind.Answers, encodeAnswers(answers));
    }
  }

  #sendFrame(to: RaftId, kind: number, payload: readonly Uint8Array[]): boolean {
    try {
      return this.#transport.sendFrame(to, kind, payload);
    } catch (error) {
      if (error instanceof ClusterError && error.code === 'PEER_UNKNOWN') return false;
      throw error;
    }
  }

  #askReadIndex(context: Uint8Array): boolean {
    if (this.#leaderId === NONE) return false;
    this.#core.readIndex(context);
    return true;
  }

  // ---- the loop ----------------------------------------------------------------------------------

  #askTurn(): void {
    if (this.#turnAsked || !this.#takesPart) return;
    this.#turnAsked = true;
    this.#world.clock.afterIo(() => this.#turn());
  }

  #turn(): void {
    this.#turnAsked = false;
    if (!this.#takesPart) return;
    try {
      this.#takeProposals();
      this.#reads.ask();
      let rounds = 0;
      while (this.#core.hasReady()) {
        if (++rounds > READY_ROUNDS_MAX) {
          this.#askTurn();
          break;
        }
        this.#handleReady(this.#core.ready());
      }
      this.#sendAnswers();
      this.#transport.flush();
    } catch (error) {
      this.#fail(error);
    }
  }

  #takeProposals(): void {
    if (this.#role === StateType.Leader) this.#proposals.appendQueued();
    else this.#proposals.forwardQueued(this.#leaderId);
  }

  #handleReady(ready: Ready): void {
    if (ready.softState !== undefined) {
      this.#role = ready.softState.state;
      this.#setLeader(ready.softState.lead);
    }
    if (ready.readStates.length > 0) this.#reads.answered(ready.readStates);
    for (const message of ready.messages) this.#route(message);
    for (const { lo, hi } of ready.logReads) this.#loadLog(lo, hi);
  }

  #route(message: Message): void {
    if (message.to === APPEND_THREAD) this.#append(message);
    else if (message.to === APPLY_THREAD) this.#apply(message);
    else if (message.to === this.#core.id) this.#core.step(message);
    else this.#send(message);
  }

  #send(message: Message): void {
    if (message.type === MessageType.Snap) {
      this.#snapshots.send(message);
      return;
    }
    try {
      this.#transport.send(message);
    } catch (error) {
      if (error instanceof ClusterError && error.code === 'PEER_UNKNOWN') return;
      throw error;
    }
  }

  /** Local log writer: what the core wants durable, and what may leave once it is. */
  #append(message: Message): void {
    const hardState =
      message.term === 0 && message.vote === NONE && message.commit === 0
        ? undefined
        : { term: message.term, vote: message.vote, commit: message.commit };
    const responses = message.responses ?? [];
    const batch = { entries: message.entries, ...(hardState === undefined ? {} : { hardState }) };
    let done: Promise<void>;
    if (message.snapshot !== undefined) {
      done = this.#install(message).then(() => this.#storage.append({ entries: message.entries }));
      this.#installing = done;
    } else if (this.#installing !== undefined) {
      done = this.#installing.then(() => this.#storage.append(batch));
      this.#installing = done;
    } else done = this.#storage.append(batch);
    done.then(
      () => this.#deliver(responses, done),
      (error: unknown) => this.#fail(error),
    );
  }

  #deliver(responses: readonly Message[], done: Promise<void>): void {
    if (this.#installing === done) this.#installing = undefined;
    if (!this.#takesPart) return;
    try {
      for (const response of responses) this.#route(response);
      this.#askTurn();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A snapshot's file is durable here: it becomes the beginning of the log, and the state. */
  async #install(message: Message): Promise<void> {
    const { snapshot, term, vote, commit } = message;
    if (snapshot === undefined) return;
    const hardState = term === 0 ? undefined : { term, vote, commit };
    await this.#storage.installSnapshot(snapshot, hardState);
    await this.#restoreNewest();
    const { index } = snapshot.metadata;
    this.#snapshots.installed(index);
    this.#syncPeers();
    this.#proposals.skippedTo(index);
    this.#reads.release();
    this.#logger.info('snapshot.installed', { index, term: snapshot.metadata.term });
  }

  /** Local state machine: synchronous, so that its response is stepped at once. */
  #apply(message: Message): void {
    const bytes = applyEntries(
      {
        replica: this.#replica,
        proposals: this.#proposals,
        changes: this.#changes,
        applyConfChange: (change) => this.#core.applyConfChange(change),
        membersChanged: () => this.#syncPeers(),
      },
      message.entries,
    );
    for (const response of message.responses ?? []) this.#route(response);
    this.#reads.release();
    this.#snapshots.applied(bytes);
  }

  #loadLog(lo: LogIndex, hi: LogIndex): void {
    this.#storage.load(lo, hi, this.#config.maxBytesPerMessage).then(
      () => {
        if (!this.#takesPart) return;
        this.#core.logReadDone();
        this.#askTurn();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  // ---- inputs ------------------------------------------------------------------------------------

  #receive(from: RaftId, messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.from !== from) {
        this.#logger.warn('message.misattributed', { from, claimed: message.from });
        continue;
      }
      this.#step(message);
    }
  }

  #step(message: Message): void {
    if (!this.#takesPart) return;
    try {
      this.#core.step(message);
    } catch (error) {
      const code = error instanceof ClusterError ? error.code : undefined;
      if (code !== 'STEP_LOCAL' && code !== 'STEP_PEER_UNKNOWN') {
        this.#fail(error);
        return;
      }
      this.#logger.debug('message.ignored', { from: message.from, type: message.type, code });
    }
    this.#askTurn();
  }

  #receiveFrame(from: RaftId, kind: number, payload: Uint8Array): void {
    if (!this.#takesPart) return;
    try {
      if (kind === FrameKind.Proposals) {
        for (const { id, part } of decodeProposals(payload)) {
          this.#proposals.addRemote(from, id, part);
        }
      } else if (kind === FrameKind.Answers) {
        for (const answer of decodeAnswers(payload)) this.#proposals.forwardAnswered(from, answer);
      } else this.#logger.debug('frame.ignored', { from, kind });
    } catch (error) {
      this.#logger.warn('frame.invalid', { from, kind, error: String(error) });
    }
    this.#askTurn();
  }

  #connected(peer: RaftId): void {
    this.#refusedBy.delete(peer);
    this.#logger.info('peer.connected', { peer: this.#memberOf(peer)?.nodeId ?? peer });
  }

  #unreachable(peer: RaftId, reason: UnreachableReason, error: Error): void {
    if (!this.#takesPart) return;
    this.#core.reportUnreachable(peer);
    if (reason !== 'overflow') this.#proposals.peerLost(peer);
    if (reason === 'refused') this.#leaderMayBeGone(peer);
    if (reason === 'rejected') this.#refused(peer, error);
    this.#askTurn();
  }

  /**
   * The leader's address answers that nobody listens: its process is dead. No need to wait for the
   * election timeout; pre-vote keeps it harmless where only this node lost sight of a living leader.
   * The members stand one after the other, so that they do not split the vote.
   */
  #leaderMayBeGone(peer: RaftId): void {
    if (peer !== this.#leaderId || this.isLeader || this.#succession !== undefined) return;
    const { voters } = this.#replica.members.confState;
    const heirs = voters.filter((id) => id !== peer);
    const rank = heirs.indexOf(this.#core.id);
    if (rank < 0) return;
    this.#logger.info('leader.gone', { leader: this.leader?.nodeId, rank });
    this.#core.forgetLeader();
    const delay = rank * SUCCESSION_STEP_MS + this.#world.random.below(SUCCESSION_STEP_MS);
    this.#succession = this.#world.clock.after(delay, () => {
      this.#succession = undefined;
      if (!this.#takesPart || this.#leaderId !== NONE) return;
      this.#core.campaign();
      this.#askTurn();
    });
  }

  /** A peer refuses this node by name. When a majority does, it has no place in the cluster any more. */
  #refused(peer: RaftId, error: Error): void {
    const code = error instanceof ClusterError ? error.details['code'] : undefined;
    this.#logger.warn('peer.refusedUs', { peer, code, error: error.message });
    if (code !== 'MEMBER_WIPED' && code !== 'MEMBER_REMOVED') return;
    this.#refusedBy.add(peer);
    const { voters } = this.#replica.members.confState;
    const others = voters.filter((id) => id !== this.#core.id && this.#refusedBy.has(id));
    if (others.length * 2 > voters.length - 1) this.#fail(new ClusterError(code, error.message));
  }

  #tick(lateMs: number): void {
    if (!this.#takesPart) return;
    try {
      this.#ticks++;
      if (lateMs > this.#config.tickIntervalMs) {
        this.#logger.warn('loop.late', { lateMs: Math.round(lateMs) });
      }
      this.#core.tick();
      this.#proposals.expire();
      this.#reads.tick();
      const now = this.#world.clock.now();
      this.#changes.expire(now, () => waitedInVain(this.status(), 'appended'));
      if (this.#ticks % SESSION_CHECK_TICKS === 0) this.#expireSessions(now);
      this.#askTurn();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Only the leader has an opinion on time; what it proposes is decided in the log. */
  #expireSessions(now: number): void {
    if (!this.isLeader) {
      this.#sessionUses.clear();
      return;
    }
    const uses = new Map<SessionId, { lastIndex: LogIndex; since: number }>();
    for (const [session, lastIndex] of this.#replica.sessions.lastUses()) {
      const known = this.#sessionUses.get(session);
      const use = known?.lastIndex === lastIndex ? known : { lastIndex, since: now };
      uses.set(session, use);
      if (now - use.since < this.#config.sessionIdleMs) continue;
      const body = encodeNumbers(session, lastIndex);
      const part = encodePart(CommandKind.ExpireSession, body, undefined);
      this.#proposePart(part, true, {}).catch(() => undefined);
    }
    this.#sessionUses = uses;
  }

  // ---- members and leadership --------------------------------------------------------------------

  /** The transport knows exactly the members; addresses of the configuration are newer than the log's. */
  #syncPeers(): void {
    const configured = new Map(this.#config.cluster.members.map((m) => [m.nodeId, m.address]));
    const members = this.#replica.members.records();
    const present = new Set(members.map((member) => member.raftId));
    for (const { raftId } of this.#transport.status()) {
      if (!present.has(raftId)) this.#transport.removePeer(raftId);
    }
    for (const { raftId, nodeId, address } of members) {
      if (raftId === this.#identity?.raftId) continue;
      this.#transport.addPeer({ raftId, nodeId, address: configured.get(nodeId) ?? address });
    }
  }

  #setLeader(leaderId: RaftId): void {
    const changed = leaderId !== this.#leaderId;
    this.#leaderId = leaderId;
    const { sequence, isLeader } = this.#leaderChange.value;
    if (!changed && isLeader === this.isLeader) return;
    const leader = this.#memberOf(leaderId);
    const term = this.#core?.term ?? 0;
    this.#leaderChange.set({ sequence: sequence + 1, term, leader, isLeader: this.isLeader });
    if (!this.#takesPart) return;
    this.#logger.info('leader.changed', { leader: leader?.nodeId ?? null, term });
    this.#reads.leaderChanged();
    this.#askTurn();
  }

  #memberOf(raftId: RaftId): Member | undefined {
    if (raftId === NONE) return undefined;
    return this.#replica.members.list().find((member) => member.raftId === raftId);
  }

  #memberNamed(nodeId: string): MemberRecord {
    const member = this.#replica.members.byNodeId(nodeId);
    if (member !== undefined) return member;
    const known = this.#replica.members.records().map((m) => m.nodeId);
    throw new ClusterError(
      'MEMBER_UNKNOWN',
      `no member is called ${JSON.stringify(nodeId)}; the members are ${known.join(', ')}`,
    );
  }

  #checkTakesPart(): void {
    if (this.#takesPart) return;
    if (this.#failure !== undefined) {
      throw new ClusterError(
        'NODE_FAILED',
        `node ${this.nodeId} failed: ${this.#failure.message}`,
        {
          cause: this.#failure,
        },
      );
    }
    if (this.#phase === 'new' || this.#phase === 'starting') {
      throw new ClusterError('NOT_STARTED', `node ${this.nodeId} is ${this.#phase}: call start()`);
    }
    throw new ClusterError('NODE_STOPPED', `node ${this.nodeId} is stopped; nothing was proposed`);
  }

  #checkAcceptsProposals(): void {
    this.#checkTakesPart();
    if (this.#phase !== 'stopping') return;
    throw new ClusterError('NODE_STOPPED', `node ${this.nodeId} is stopping; ask another node`);
  }

  #checkLeads(): void {
    this.#checkTakesPart();
    if (this.isLeader) return;
    throw new ClusterError(
      'NOT_LEADER',
      `only the leader can do this; ${this.leader?.nodeId ?? 'nobody'} leads`,
      { details: { leader: this.leader?.nodeId ?? null } },
    );
  }

  #deadline(options: WaitOptions): number {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    if (!Number.isFinite(timeoutMs) || timeoutMs < 0) {
      throw new ClusterError('REQUEST_INVALID', `timeoutMs is ${timeoutMs}: give 0 or more`);
    }
    return this.#world.clock.now() + timeoutMs;
  }
}

function toFailure(cause: unknown): ClusterError {
  if (cause instanceof ClusterError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new ClusterError('STATE_MACHINE_FAILED', message, { cause });
}

function checkRequest({ session, sequence }: RequestId): void {
  for (const [field, value] of [
    ['session', session],
    ['sequence', sequence],
  ] as const) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new ClusterError(
      'REQUEST_INVALID',
      `request.${field} is ${value}: give a whole number from 1`,
    );
  }
}

function sessionExpired(request: RequestId | undefined): ClusterError {
  return new ClusterError(
    'SESSION_EXPIRED',
    `session ${request?.session} does not exist any more: whether request ${request?.sequence} ` +
      'was applied before is not known, it was not applied now. Open a new session',
    { details: { ...request } },
  );
}

function sequenceStale(request: RequestId | undefined): ClusterError {
  return new ClusterError(
    'SEQUENCE_STALE',
    `request ${request?.sequence} of session ${request?.session} was acknowledged as done; ` +
      'its result is not kept any more. Use a new sequence number',
    { details: { ...request } },
  );
}

/** Calls back with the error for the caller once the signal fires; returns how to stop listening. */
function onAbort(signal: AbortSignal | undefined, give: (error: Error) => void): () => void {
  if (signal === undefined) return () => undefined;
  const listener = (): void => {
    const message = 'the caller gave up waiting; a proposal may still take effect';
    give(new ClusterError('ABORTED', message, { cause: signal.reason }));
  };
  signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}
