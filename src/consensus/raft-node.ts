/**
 * A durable Raft node: the pure core, a storage, a transport and a state machine.
 *
 * This is the surface: the node's life, and what may be asked of it. The loop that does the work is
 * `Loop`. A node lives once: new, starting, running, stopping, stopped; or failed, when a fault (a
 * failed write, a broken invariant) ended its part for good. Then nothing leaves it any more, and
 * everybody who waits is told.
 */
import { ClusterError } from '../errors.ts';
import { type LogIndex, NONE, type RaftId, StateType } from '../raft/index.ts';
import type { Storage } from '../storage/index.ts';
import type { Transport } from '../transport/index.ts';
import type { World } from '../world/index.ts';
import { Admission } from './admission.ts';
import { assemble, handOver, type Live, type NodeParts, startTransport } from './assemble.ts';
import {
  checkNotAborted,
  checkRequest,
  removedFrom,
  sequenceStale,
  sessionExpired,
  toFailure,
  unlessAborted,
} from './complaints.ts';
import { cloneConfig, type RaftNodeConfig, validateConfig } from './config.ts';
import { Deadlines } from './deadlines.ts';
import { CommandKind, encodePart } from './envelope.ts';
import { nobodyLeads, statusOf, waitedInVain } from './explain.ts';
import { foundOrCheck } from './founding.ts';
import { interruptibleReader } from './interruptible.ts';
import { LatestValue } from './latest-value.ts';
import { LeaderCalls } from './leader-calls.ts';
import { MembershipChanges } from './membership-changes.ts';
import { MembershipDesk } from './membership-desk.ts';
import { Proposals } from './proposals.ts';
import { checkNotQuarantined, markQuarantined, stateDiverged } from './quarantine.ts';
import { Reads } from './reads.ts';
import { ReadyObservers } from './ready-observers.ts';
import { checkNotRemoved, markRemoved } from './removed-mark.ts';
import { decodeNumber, encodeNumbers, Replica } from './replica.ts';
import { SessionExpiry } from './session-expiry.ts';
import { NodeResultCode } from './sessions.ts';
import type { StateVerdict } from './state-hashes.ts';
import { Ticker } from './ticker.ts';
import type {
  Divergence,
  Invitation,
  LeaderChange,
  Member,
  MembersChange,
  NodePhase,
  NodeStatus,
  ProposeOptions,
  ProposeResult,
  ReadyObservation,
  SessionId,
  StateMachine,
  WaitOptions,
} from './types.ts';

const DEFAULT_TIMEOUT_MS = 5_000;
/** Ticks between two looks for sessions that nobody uses. */
const SESSION_CHECK_TICKS = 100;
/** How often a condition is looked at while the node hands over or stops, in ms. */
const WATCH_INTERVAL_MS = 5;
/** Between the moment in which a node learns that it was removed and its end, in ms. */
const REMOVED_GRACE_MS = 50;

/** What a node is made of: the doors to the world, and the state that is replicated. */
export interface RaftNodeParts {
  readonly world: World;
  /** Opened, and the node's own from now on: `stop` closes it. */
  readonly storage: Storage;
  readonly transport: Transport;
  readonly machine: StateMachine;
}

/**
 * A durable Raft node: the pure core, a storage, a transport and a state machine. It lives once:
 * make a new one to start again.
 */
export class RaftNode implements AsyncDisposable {
  readonly #parts: NodeParts;
  readonly #ticker: Ticker;
  readonly #deadlines: Deadlines;
  readonly #sessionExpiry: SessionExpiry;
  readonly #leaderChange: LatestValue<LeaderChange>;
  #live: Live | undefined;
  #phase: NodePhase = 'new';
  #failure: ClusterError | undefined;
  #resolveFailed!: (error: Error) => void;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  readonly #membersChange: LatestValue<MembersChange>;
  readonly #desk: MembershipDesk;
  #divergence: Divergence | undefined;
  /** The mark of quarantine, or of removal, is being written. */
  #marking: Promise<void> | undefined;
  #ticks = 0;

  /** Resolves with the reason when the node has stopped taking part for good; never on `stop`. */
  readonly failed: Promise<Error>;

  /** @throws ClusterError CONFIG_INVALID. */
  constructor(config: RaftNodeConfig, given: RaftNodeParts) {
    validateConfig(config);
    this.#parts = this.#makeParts(cloneConfig(config), given);
    const { clock } = given.world;
    this.#ticker = new Ticker(clock, config.tickIntervalMs, (lateMs) => this.#tick(lateMs));
    this.#deadlines = new Deadlines(clock, () => this.#expire());
    this.#sessionExpiry = new SessionExpiry(config.sessionIdleMs);
    const nobody = { sequence: 0, term: 0, leader: undefined, isLeader: false };
    this.#leaderChange = new LatestValue<LeaderChange>(nobody);
    this.#membersChange = new LatestValue<MembersChange>({ sequence: 0, index: 0, members: [] });
    this.#desk = this.#newDesk();
    this.failed = new Promise((resolve) => {
      this.#resolveFailed = resolve;
    });
  }

  #makeParts(config: RaftNodeConfig, given: RaftNodeParts): NodeParts {
    const { world, storage, transport, machine } = given;
    const replica = new Replica(machine);
    const now = (): number => world.clock.now();
    const appliedIndex = (): LogIndex => replica.appliedIndex;
    const proposals = new Proposals({
      now,
      appliedIndex,
      append: (envelope) => this.#started.loop.propose(envelope),
      forward: (to, batch) =>
        !config.disableProposalForwarding && this.#started.loop.forward(to, batch),
      answer: (to, answer) => this.#started.loop.answer(to, answer),
      explainWaiting: (stage) => waitedInVain(this.status(), stage),
    });
    const readHost = {
      now,
      appliedIndex,
      askReadIndex: (context: Uint8Array) => this.#started.loop.askReadIndex(context),
      explainWaiting: () => waitedInVain(this.status(), 'read'),
    };
    const contextPrefix = world.random.below(2 ** 32);
    return {
      config,
      world,
      storage,
      transport,
      logger: world.logger,
      replica,
      proposals,
      changes: new MembershipChanges(),
      reads: new Reads(readHost, contextPrefix, 2 * config.heartbeatTicks + 1),
      admission: new Admission(storage, replica.members),
      takesPart: () => this.#takesPart,
      leadershipChanged: () => this.#leadershipChanged(),
      restoreNewest: () => this.#restoreNewest(),
      observers: new ReadyObservers(),
      leaderCalls: new LeaderCalls({
        now,
        appliedIndex,
        send: (to, kind, payload) =>
          this.#takesPart && this.#started.loop.sendFrame(to, kind, payload),
        perform: (call, timeoutMs) => this.#desk.perform(call, timeoutMs),
      }),
      membersChanged: () => this.#membersChanged(),
      diverged: (verdict, divergence) => this.#diverged(verdict, divergence),
      fail: (error) => this.#fail(error),
    };
  }

  #newDesk(): MembershipDesk {
    const node = this;
    return new MembershipDesk({
      parts: this.#parts,
      get leader() {
        return node.leader;
      },
      live: () => this.#started,
      checkTakesPart: () => this.#checkTakesPart(),
      checkTakesProposals: () => this.#checkTakesProposals(),
      checkLeads: () => this.#checkLeads(),
      noLeader: () => nobodyLeads(this.status()),
      deadline: (options) => this.#deadline(options),
      proposePart: (part, repeatable, options) => this.#proposePart(part, repeatable, options),
      waitUntil: (condition, until) => this.#waitUntil(condition, until),
    });
  }

  /** The name that the configuration gave it. */
  get nodeId(): string {
    return this.#parts.config.nodeId;
  }

  /** Where it is in its life. */
  get phase(): NodePhase {
    return this.#phase;
  }

  /**
   * Whether it leads, as far as it knows: somebody else may have been elected a moment ago. What
   * must not rest on an old belief goes through `propose` or `readIndex`.
   */
  get isLeader(): boolean {
    return this.#takesPart && this.#live?.loop.role === StateType.Leader;
  }

  /** The leader that it follows, itself included; `undefined` while none is known. */
  get leader(): Member | undefined {
    return this.#leaderChange.value.leader;
  }

  /** Index of the last entry that the state machine has applied. */
  get appliedIndex(): LogIndex {
    return this.#parts.replica.appliedIndex;
  }

  /** Whether the core may still change and anything may still leave. */
  get #takesPart(): boolean {
    return this.#phase === 'running' || this.#phase === 'stopping';
  }

  get #started(): Live {
    if (this.#live !== undefined) return this.#live;
    throw new ClusterError('NOT_STARTED', `node ${this.nodeId} is ${this.#phase}: call start()`);
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
    this.#starting = this.#open();
    try {
      await this.#starting;
    } catch (error) {
      this.#shutDown(new ClusterError('NODE_STOPPED', `node ${this.nodeId} did not start`));
      if (this.#failure === undefined) this.#phase = 'stopped';
      await Promise.allSettled([this.#parts.transport.stop(), this.#parts.storage.close()]);
      throw error;
    }
  }

  /** The node takes part from its last step on; until then a fault or `stop` may end it at each. */
  async #open(): Promise<void> {
    this.#parts.storage.onFailure((error) => this.#fail(error));
    const { random } = this.#parts.world;
    const identity = await foundOrCheck(
      this.#parts.config,
      this.#parts.storage,
      this.#parts.replica,
      random,
    );
    this.#checkStillStarting();
    await checkNotQuarantined(this.#parts.storage, this.nodeId);
    await checkNotRemoved(this.#parts.storage, identity);
    // One that joins has nothing yet: the leader's snapshot will be its first.
    if (this.#parts.storage.lastIndex() > 0) await this.#restoreNewest();
    this.#checkStillStarting();
    if (this.#isRemoved(identity.raftId)) throw removedFrom(identity);
    await this.#parts.admission.load();
    this.#checkStillStarting();
    const live = assemble(this.#parts, identity);
    this.#live = live;
    await startTransport(this.#parts, live);
    this.#checkStillStarting();
    this.#phase = 'running';
    this.#ticker.start();
    this.#announce(live);
  }

  #announce({ identity, core, loop }: Live): void {
    const { logger, replica, storage } = this.#parts;
    const { voters } = replica.members.confState;
    logger.info('node.started', {
      raftId: identity.raftId,
      term: core.term,
      lastIndex: storage.lastIndex(),
      appliedIndex: replica.appliedIndex,
      voters: voters.length,
    });
    this.#membersChanged();
    loop.guard(() => {
      if (voters.length === 1 && voters[0] === identity.raftId) core.campaign();
    });
  }

  #checkStillStarting(): void {
    if (this.#phase === 'starting') return;
    if (this.#failure !== undefined) throw this.#failure;
    throw new ClusterError('NODE_STOPPED', `node ${this.nodeId} was stopped while it was starting`);
  }

  /** Whoever restores a large state is told between two chunks that nobody waits for it any more. */
  #checkIsLiving(): void {
    if (this.#phase === 'starting' || this.#takesPart) return;
    if (this.#failure !== undefined) throw this.#failure;
    throw new ClusterError('NODE_STOPPED', `node ${this.nodeId} was stopped while it restored`);
  }

  async #restoreNewest(): Promise<void> {
    const newest = this.#parts.storage.newestSnapshot;
    if (newest === undefined) {
      throw new ClusterError('DATA_CORRUPT', 'the data folder holds no snapshot to start from');
    }
    const reader = await this.#parts.storage.openSnapshot(newest);
    try {
      const isWanted = (): void => this.#checkIsLiving();
      await this.#parts.replica.restore(interruptibleReader(reader, isWanted));
    } finally {
      await reader.close();
    }
  }

  /**
   * Ends this node's part in good order: takes no more proposals, finishes those under way, hands
   * leadership over, closes. `stopTimeoutMs` bounds the handing over, and once more the closing: a disk
   * that hangs is left to itself. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** As `stop`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    if (this.#phase === 'running') {
      this.#phase = 'stopping';
      const { stopTimeoutMs } = this.#parts.config;
      const now = this.#parts.world.clock.now();
      await this.#waitUntil(() => this.#parts.proposals.unanswered === 0, now + stopTimeoutMs / 2);
      await this.#handOver(now + stopTimeoutMs);
    }
    this.#shutDown(new ClusterError('NODE_STOPPED', `node ${this.nodeId} was stopped`));
    if (this.#phase !== 'failed') this.#phase = 'stopped';
    // It sees that it was stopped, and closes what it has opened.
    const isStarted = await this.#isDoneInTime(this.#starting?.catch(() => undefined));
    if (!isStarted) this.#parts.logger.warn('node.startHangs', { phase: this.#phase });
    await this.#parts.transport.stop();
    await this.#closeStorage();
    this.#parts.logger.info('node.stopped');
  }

  async #closeStorage(): Promise<void> {
    const { config, logger, storage } = this.#parts;
    const settled = Promise.all([this.#live?.snapshots.settle(), this.#marking]);
    const isClosed = await this.#isDoneInTime(settled.then(() => storage.close()));
    if (!isClosed) logger.warn('node.diskHangs', { waitedMs: config.stopTimeoutMs });
  }

  /** Waits for the work, but no longer than `stopTimeoutMs`. */
  async #isDoneInTime(work: Promise<unknown> = Promise.resolve()): Promise<boolean> {
    const { config, world } = this.#parts;
    return await new Promise<boolean>((resolve, reject) => {
      const timer = world.clock.after(config.stopTimeoutMs, () => resolve(false));
      work.then(() => resolve(true), reject).finally(() => timer.cancel());
    });
  }

  /** Hands leadership to the follower that is furthest, and waits until it has it. */
  async #handOver(until: number): Promise<void> {
    const { loop } = this.#started;
    const to = this.isLeader ? handOver(this.#parts, this.#started) : undefined;
    if (to === undefined) return;
    this.#parts.logger.info('leader.handingOver', { to: to.nodeId });
    const isDone = (): boolean => !this.isLeader && loop.leaderId !== NONE;
    const isAlone = (): boolean => !this.#parts.transport.status().some((peer) => peer.connected);
    await this.#waitUntil(() => isDone() || isAlone(), until);
  }

  /** Resolves when the condition holds, at the latest at `until`. */
  async #waitUntil(condition: () => boolean, until: number): Promise<void> {
    const { clock } = this.#parts.world;
    while (this.#takesPart && !condition() && clock.now() < until) {
      await new Promise<void>((resolve) => clock.after(WATCH_INTERVAL_MS, resolve));
    }
  }

  /** A fault that can not be mended here: this node stops taking part, for good. */
  #fail(cause: unknown): void {
    if (this.#phase === 'failed' || this.#phase === 'stopped') return;
    const error = toFailure(cause);
    this.#failure = error;
    this.#parts.logger.error('node.failed', { code: error.code, error: error.message });
    const told = `node ${this.nodeId} has stopped taking part: ${error.message}`;
    this.#shutDown(new ClusterError('NODE_FAILED', told, { cause: error }));
    this.#phase = 'failed';
    void this.#parts.transport.stop().catch(() => undefined);
    this.#resolveFailed(error);
  }

  /** Everybody who waits is told; nothing ticks any more. */
  #shutDown(error: ClusterError): void {
    this.#ticker.stop();
    this.#deadlines.stop();
    this.#live?.succession.stop();
    this.#parts.proposals.failAll(error);
    this.#parts.reads.failAll(error);
    this.#parts.changes.failAll(error);
    this.#parts.leaderCalls.failAll(error);
    const { sequence, term, leader, isLeader } = this.#leaderChange.value;
    if (leader !== undefined || isLeader) {
      const next = { sequence: sequence + 1, term, leader: undefined, isLeader: false };
      this.#leaderChange.set(next);
    }
    this.#leaderChange.end();
    this.#membersChange.end();
    this.#parts.observers.end();
  }

  // ---- what may be asked -------------------------------------------------------------------------

  /**
   * Proposes a command; resolves with the state machine's result once this node has applied it.
   *
   * Rejects with
   * - COMMAND_TOO_LARGE, OVERLOADED, NODE_STOPPED, NODE_FAILED, NO_LEADER, NO_QUORUM: nothing was
   *   proposed;
   * - OUTCOME_UNKNOWN, ABORTED: it may or may not take effect;
   * - SESSION_EXPIRED, SEQUENCE_STALE: the request id is not answered any more; not applied now.
   */
  async propose(command: Uint8Array, options: ProposeOptions = {}): Promise<ProposeResult> {
    const { commandBytesMax } = this.#parts.config;
    if (command.length > commandBytesMax) {
      throw new ClusterError(
        'COMMAND_TOO_LARGE',
        `the command has ${command.length} bytes, at most ${commandBytesMax} are taken`,
        { details: { bytes: command.length, max: commandBytesMax } },
      );
    }
    const { request } = options;
    if (request !== undefined) checkRequest(request);
    const part = encodePart(CommandKind.Application, command, request);
    const result = await this.#proposePart(part, request !== undefined, options);
    if (request === undefined) return result;
    if (result.code === NodeResultCode.SessionExpired) throw sessionExpired(request);
    if (result.code === NodeResultCode.SequenceStale) throw sequenceStale(request);
    return result;
  }

  /** Opens a session; see `RequestId`. A lost answer leaves one behind, which ends by itself unused. */
  async openSession(options: WaitOptions = {}): Promise<SessionId> {
    const part = encodePart(CommandKind.OpenSession, new Uint8Array(0), undefined);
    return decodeNumber((await this.#proposePart(part, true, options)).bytes);
  }

  /**
   * Ends a session: its results are forgotten, and its requests are refused with SESSION_EXPIRED.
   * One that is gone already is no error. Rejects as `propose` does.
   */
  async closeSession(session: SessionId, options: WaitOptions = {}): Promise<void> {
    const part = encodePart(CommandKind.CloseSession, encodeNumbers(session), undefined);
    await this.#proposePart(part, true, options);
  }

  /**
   * Resolves when the local state holds every write that was acknowledged anywhere before the call;
   * read it in the same turn. Rejects with NO_LEADER or NO_QUORUM at the deadline, with OVERLOADED.
   */
  async readIndex(options: WaitOptions = {}): Promise<void> {
    this.#checkTakesPart();
    checkNotAborted(options.signal);
    const { promise, read } = this.#parts.reads.add(this.#deadline(options));
    this.#started.loop.askTurn();
    await unlessAborted(options.signal, promise, (error) => this.#parts.reads.abandon(read, error));
  }

  /**
   * Makes the node a member: a learner at once, and a voter as soon as it has caught up, which whoever
   * leads then looks after. Resolves with what the node must be started with (`config.join`). Asked again
   * before the node has come, it gives the same invitation again. On any node: the leader is asked.
   *
   * Rejects with NO_LEADER, MEMBER_EXISTS, CONFIG_INVALID (node id), PEER_ADDRESS_INVALID,
   * PROPOSAL_DROPPED, CHANGE_IN_PROGRESS, OVERLOADED, and NOT_LEADER where forwarding is disabled: nothing
   * was changed; OUTCOME_UNKNOWN, ABORTED: ask again.
   */
  async addNode(nodeId: string, address: string, options: WaitOptions = {}): Promise<Invitation> {
    return await this.#desk.add(nodeId, address, true, options);
  }

  /** As `addNode`, but it stays a learner, which follows the log and does not vote, until it is promoted. */
  async addLearner(
    nodeId: string,
    address: string,
    options: WaitOptions = {},
  ): Promise<Invitation> {
    return await this.#desk.add(nodeId, address, false, options);
  }

  /** Gives a learner its vote, also before it has caught up. A voter stays one. On any node. */
  async promoteLearner(nodeId: string, options: WaitOptions = {}): Promise<void> {
    await this.#desk.promote(nodeId, options);
  }

  /**
   * Removes a member; false when nobody is called so, so that it may be asked again after a lost answer.
   * The node is told and ends with MEMBER_REMOVED. Refused with CONF_CHANGE_INVALID where the voters
   * that remain could decide nothing. On any node; a leader that is removed steps down.
   */
  async removeNode(nodeId: string, options: WaitOptions = {}): Promise<boolean> {
    return await this.#desk.remove(nodeId, options);
  }

  /** Hands leadership to another voter; resolves when it leads. On any node. */
  async transferLeadership(toNodeId: string, options: WaitOptions = {}): Promise<void> {
    await this.#desk.transferLeadership(toNodeId, options);
  }

  /** Stands for election now, whatever the timers say. */
  campaign(): void {
    this.#checkTakesPart();
    const { core, loop } = this.#started;
    loop.guard(() => core.campaign());
  }

  /** Takes a snapshot of the applied state now. */
  async snapshot(): Promise<void> {
    this.#checkTakesPart();
    await this.#started.snapshots.save();
  }

  /** Begins with the present state; ends when the node does. */
  leaderChanges(): AsyncIterable<LeaderChange> {
    return this.#leaderChange;
  }

  /** Begins with the present state; ends when the node does. */
  memberChanges(): AsyncIterable<MembersChange> {
    return this.#membersChange;
  }

  /**
   * What the core does, step by step, from now on; ends when the node does. An observation: a reader that
   * is too slow loses the oldest steps and is told how many (at most READY_OBSERVATIONS_MAX are kept).
   * Nothing is to be acknowledged by it; who wants to drive the core by hand uses `quorate/raft`.
   */
  ready(): AsyncIterableIterator<ReadyObservation> {
    return this.#parts.observers.read();
  }

  /**
   * All that is known at this moment, before the start and after the end, too. Cheap enough for
   * every second.
   */
  status(): NodeStatus {
    return statusOf(this.#parts, this.#live, {
      divergence: this.#divergence,
      phase: this.#phase,
      takesPart: this.#takesPart,
      leader: this.leader,
      failure: this.#failure,
    });
  }

  // ---- proposals ---------------------------------------------------------------------------------

  async #proposePart(
    part: Uint8Array,
    repeatable: boolean,
    options: WaitOptions,
  ): Promise<ProposeResult> {
    this.#checkTakesProposals();
    this.#checkMayForward();
    checkNotAborted(options.signal);
    const deadline = this.#deadline(options);
    const { promise, proposal } = this.#parts.proposals.addLocal(part, repeatable, deadline);
    this.#started.loop.askTurn();
    const give = (error: Error): void => this.#parts.proposals.abandon(proposal, error);
    return await unlessAborted(options.signal, promise, give);
  }

  // ---- what happens ------------------------------------------------------------------------------

  #tick(lateMs: number): void {
    const { core, loop, diskWatch, snapshots, promotion } = this.#started;
    loop.guard(() => {
      this.#ticks++;
      if (lateMs > this.#parts.config.tickIntervalMs) {
        this.#parts.logger.warn('loop.late', { lateMs: Math.round(lateMs) });
      }
      core.tick();
      this.#parts.proposals.retryParked();
      this.#parts.reads.tick();
      diskWatch.tick();
      snapshots.tick();
      promotion.tick();
      const now = this.#parts.world.clock.now();
      if (this.#ticks % SESSION_CHECK_TICKS === 0) this.#expireSessions(now);
    });
  }

  /** Somebody's deadline has come. Answers the next one. */
  #expire(): number {
    const { proposals, reads, changes, leaderCalls, world } = this.#parts;
    const why = (): ClusterError => waitedInVain(this.status(), 'appended');
    const now = world.clock.now();
    return Math.min(
      proposals.expire(),
      reads.expire(),
      changes.expire(now, why),
      leaderCalls.expire(now),
    );
  }

  #expireSessions(now: number): void {
    if (!this.isLeader) {
      this.#sessionExpiry.reset();
      return;
    }
    for (const [session, lastIndex] of this.#sessionExpiry.due(this.#parts.replica.sessions, now)) {
      const body = encodeNumbers(session, lastIndex);
      const part = encodePart(CommandKind.ExpireSession, body, undefined);
      this.#proposePart(part, true, {}).catch(() => undefined);
    }
  }

  #leadershipChanged(): void {
    const { core, loop } = this.#started;
    const before = this.#leaderChange.value;
    const leader = this.#memberOf(loop.leaderId);
    const { isLeader } = this;
    const { term } = core;
    const isSame = leader?.raftId === before.leader?.raftId && isLeader === before.isLeader;
    // A term without a leader is no news; a leader in another term is another leadership.
    if (isSame && (leader === undefined || term === before.term)) return;
    this.#leaderChange.set({ sequence: before.sequence + 1, term, leader, isLeader });
    this.#parts.logger.info('leader.changed', { leader: leader?.nodeId ?? null, term });
    this.#parts.reads.leaderChanged();
    this.#parts.proposals.retryParked();
    loop.askTurn();
  }

  #membersChanged(): void {
    const { members, appliedIndex } = this.#parts.replica;
    const { sequence } = this.#membersChange.value;
    const list = members.list();
    this.#membersChange.set({ sequence: sequence + 1, index: appliedIndex, members: list });
    const { identity } = this.#started;
    if (!this.#isRemoved(identity.raftId) || !this.#takesPart) return;
    this.#marking ??= markRemoved(this.#parts.storage, identity).catch(() => undefined);
    // What it has to say last (a commit that the others wait for) leaves first.
    this.#parts.world.clock.after(REMOVED_GRACE_MS, () => this.#fail(removedFrom(identity)));
  }

  #isRemoved(raftId: RaftId): boolean {
    const { members } = this.#parts.replica;
    return !members.isEmpty && members.get(raftId) === undefined;
  }

  /** The nodes' states differ: the one that is wrong ends its part, and its folder is marked. */
  #diverged(verdict: StateVerdict, divergence: Divergence): void {
    this.#divergence = divergence;
    this.#parts.logger.error('state.diverged', { verdict, ...divergence });
    if (verdict !== 'we-differ') return;
    this.#marking = markQuarantined(this.#parts.storage, divergence).catch(() => undefined);
    this.#fail(stateDiverged(this.nodeId, divergence));
  }

  // ---- checks ------------------------------------------------------------------------------------

  #memberOf(raftId: RaftId): Member | undefined {
    return this.#parts.replica.members.list().find((member) => member.raftId === raftId);
  }

  #checkTakesPart(): void {
    if (this.#takesPart) return;
    if (this.#failure !== undefined) {
      const message = `node ${this.nodeId} failed: ${this.#failure.message}`;
      throw new ClusterError('NODE_FAILED', message, { cause: this.#failure });
    }
    if (this.#phase === 'new' || this.#phase === 'starting') {
      throw new ClusterError('NOT_STARTED', `node ${this.nodeId} is ${this.#phase}: call start()`);
    }
    throw new ClusterError('NODE_STOPPED', `node ${this.nodeId} is stopped; ask another node`);
  }

  #checkTakesProposals(): void {
    this.#checkTakesPart();
    if (this.#phase !== 'stopping') return;
    throw new ClusterError('NODE_STOPPED', `node ${this.nodeId} is stopping; ask another node`);
  }

  /** Where another node leads, and nothing is to be sent to it. */
  #checkMayForward(): void {
    if (this.#parts.config.disableProposalForwarding && this.leader !== undefined) {
      this.#checkLeads();
    }
  }

  #checkLeads(): void {
    this.#checkTakesPart();
    if (this.isLeader) return;
    const leader = this.leader?.nodeId;
    throw new ClusterError(
      'NOT_LEADER',
      `only the leader can do this; ${leader ?? 'nobody'} leads`,
      { details: { leader: leader ?? null } },
    );
  }

  #deadline(options: WaitOptions): number {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    if (!Number.isFinite(timeoutMs) || timeoutMs < 0) {
      throw new ClusterError('REQUEST_INVALID', `timeoutMs is ${timeoutMs}: give 0 or more`);
    }
    const deadline = this.#parts.world.clock.now() + timeoutMs;
    this.#deadlines.watch(deadline);
    return deadline;
  }
}
