/**
 * The life of a node: what it is made of, how it begins, ticks, hears of changes, and ends.
 *
 * A node lives once: new, starting, running, stopping, stopped; or failed, when a fault (a failed write,
 * a broken invariant) ended its part for good. The rule that it protects: after its end nothing leaves
 * the node any more, everybody who waits is told, and every step of a start that is overtaken by a fault
 * or by `stop` notices it.
 */
import { ClusterError } from '../errors.ts';
import { type RaftId, StateType } from '../raft/index.ts';
import { assemble, endLive, type Live, startTransport } from './assemble.ts';
import {
  checkNotAborted,
  notLeader,
  notStarted,
  startedBefore,
  storageFailure,
  toFailure,
} from './complaints.ts';
import type { RaftNodeConfig } from './config.ts';
import { Deadlines } from './deadlines.ts';
import { Departure } from './departure.ts';
import type { CommandKind } from './envelope.ts';
import { statusOf, waitedInVain } from './explain.ts';
import { foundOrCheck } from './founding.ts';
import { handOver, isHandOverDecided } from './handing-over.ts';
import type { LeaderCall } from './leader-calls.ts';
import { checkNotMarked } from './marks.ts';
import {
  failCalls,
  makeParts,
  type NodeParts,
  type PartsOwner,
  type RaftNodeParts,
} from './node-parts.ts';
import { checkProposable } from './peer-input.ts';
import { LocalProposal } from './proposal.ts';
import { abandonOnAbort, promiseOf } from './proposal-listeners.ts';
import { markQuarantined, stateDiverged } from './quarantine.ts';
import { markRolledBack } from './rolled-back.ts';
import { SessionExpiry } from './session-expiry.ts';
import type { StateVerdict } from './state-hashes.ts';
import { Ticker } from './ticker.ts';
import { ToldChanges } from './told-changes.ts';
import type {
  Divergence,
  Member,
  NodePhase,
  NodeStatus,
  ProposalListener,
  ProposeOptions,
  ProposeResult,
  WaitOptions,
} from './types.ts';
import { Interruption, isDoneWithin, Pauses } from './waiting.ts';

const DEFAULT_TIMEOUT_MS = 5_000;

export class NodeLife implements PartsOwner {
  readonly parts: NodeParts;
  readonly told: ToldChanges = new ToldChanges();
  /** See `RaftNode.failed`. */
  readonly failed: Promise<Error>;
  readonly perform: (call: LeaderCall, timeoutMs: number) => Promise<unknown>;
  readonly #ticker: Ticker;
  readonly #deadlines: Deadlines;
  readonly #sessionExpiry: SessionExpiry;
  readonly #departure: Departure;
  #live: Live | undefined;
  #phase: NodePhase = 'new';
  #failure: ClusterError | undefined;
  #divergence: Divergence | undefined;
  #resolveFailed!: (error: Error) => void;
  #starting: Promise<void> | undefined;
  /** Whoever waits for the start, which may hang in a part of one's own, is told when the node ends. */
  readonly #end = new Interruption();
  #stopping: Promise<void> | undefined;
  readonly pauses: Pauses;
  /** Marks that are being written; that of a removal is its departure's. */
  readonly #marks: Promise<void>[] = [];

  /** `perform` does on this node, while it leads, what another one asks for. */
  constructor(
    config: RaftNodeConfig,
    given: RaftNodeParts,
    perform: (call: LeaderCall, timeoutMs: number) => Promise<unknown>,
  ) {
    this.perform = perform;
    this.parts = makeParts(config, given, this);
    const { clock } = given.world;
    this.#ticker = new Ticker(clock, config.tickIntervalMs, (lateMs) => this.#tick(lateMs));
    this.#deadlines = new Deadlines(clock, () => this.#expire());
    this.pauses = new Pauses(clock);
    this.#sessionExpiry = new SessionExpiry({
      sessionIdleMs: config.sessionIdleMs,
      sessions: this.parts.replica.sessions,
      now: () => clock.now(),
      isLeader: () => this.isLeader,
      propose: (kind, body) => void this.proposeOwn(kind, body, {}).catch(() => undefined),
    });
    this.#departure = new Departure(this.parts);
    this.failed = new Promise((resolve) => {
      this.#resolveFailed = resolve;
    });
  }

  get nodeId(): string {
    return this.parts.config.nodeId;
  }

  get phase(): NodePhase {
    return this.#phase;
  }

  get isLeader(): boolean {
    return this.takesPart && this.#live?.loop.role === StateType.Leader;
  }

  get leader(): Member | undefined {
    return this.told.leaders.value.leader;
  }

  /** Whether the core may still change and anything may still leave. */
  get takesPart(): boolean {
    return this.#phase === 'running' || this.#phase === 'stopping';
  }

  /** @throws ClusterError NOT_STARTED. */
  get started(): Live {
    if (this.#live !== undefined) return this.#live;
    throw notStarted(this.nodeId, this.#phase);
  }

  status(): NodeStatus {
    return statusOf(this.parts, this.#live, {
      divergence: this.#divergence,
      phase: this.#phase,
      takesPart: this.takesPart,
      leaving: this.takesPart && this.#departure.isLeaving,
      leader: this.leader,
      failure: this.#failure,
    });
  }

  // ---- beginning and end -------------------------------------------------------------------------

  async start(): Promise<void> {
    if (this.#phase !== 'new') throw startedBefore(this.nodeId, this.#phase);
    this.#phase = 'starting';
    this.#starting = this.#open();
    try {
      await this.#end.unless(this.#starting);
    } catch (error) {
      this.#shutDown(new ClusterError('NODE_STOPPED', `node ${this.nodeId} did not start`));
      if (this.#failure === undefined) this.#phase = 'stopped';
      await this.#ends(this.#closeAfterStart(this.#starting));
      throw this.#failure ?? error;
    }
  }

  /** What was opened by then is closed, also by a start that goes on long after its end. */
  async #closeAfterStart(starting: Promise<void>): Promise<void> {
    await starting.catch(() => undefined);
    await Promise.allSettled([this.parts.transport.stop(), this.parts.storage.close()]);
  }

  /** The node takes part from its last step on; until then a fault or `stop` may end it at each. */
  async #open(): Promise<void> {
    this.parts.storage.onFailure((error) => this.fail(storageFailure(error)));
    const { config, storage, replica, world } = this.parts;
    const identity = await foundOrCheck(config, storage, replica, world.random);
    this.#checkStillStarting();
    await checkNotMarked(this.parts.storage, identity);
    // One that joins has nothing yet: the leader's snapshot will be its first.
    if (this.parts.storage.lastIndex() > 0) await this.parts.restoreNewest();
    this.#checkStillStarting();
    this.#departure.checkIsWanted(identity);
    await this.parts.admission.load();
    this.#checkStillStarting();
    const live = assemble(this.parts, identity);
    this.#live = live;
    await startTransport(this.parts, live);
    this.#checkStillStarting();
    this.#phase = 'running';
    this.#ticker.start();
    this.#announce(live);
  }

  #announce({ identity, core, loop }: Live): void {
    const { logger, replica, storage } = this.parts;
    const { voters } = replica.members.confState;
    logger.info('node.started', {
      raftId: identity.raftId,
      term: core.term,
      lastIndex: storage.lastIndex(),
      appliedIndex: replica.appliedIndex,
      voters: voters.length,
    });
    this.membersChanged();
    loop.guard(() => {
      if (voters.length === 1 && voters[0] === identity.raftId) core.campaign();
    });
  }

  #checkStillStarting(): void {
    if (this.#phase !== 'starting') throw this.#endedWhile('was starting');
  }

  /** Whoever restores a large state is told between two chunks that nobody waits for it any more. */
  checkIsLiving(): void {
    if (this.#phase !== 'starting' && !this.takesPart) throw this.#endedWhile('restored');
  }

  #endedWhile(itDid: string): ClusterError {
    const stopped = `node ${this.nodeId} was stopped while it ${itDid}`;
    return this.#failure ?? new ClusterError('NODE_STOPPED', stopped);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (this.#phase === 'running') {
      this.#phase = 'stopping';
      const { stopTimeoutMs } = this.parts.config;
      const now = this.parts.world.clock.now();
      await this.waitUntil(() => this.parts.proposals.unanswered === 0, now + stopTimeoutMs / 2);
      await this.#handOver(now + stopTimeoutMs);
    }
    this.#shutDown(new ClusterError('NODE_STOPPED', `node ${this.nodeId} was stopped`));
    if (this.#phase !== 'failed') this.#phase = 'stopped';
    // It sees that it was stopped, and closes what it has opened.
    const isStarted = await this.#ends(this.#starting?.catch(() => undefined));
    if (!isStarted) this.parts.logger.warn('node.startHangs', { phase: this.#phase });
    try {
      const isQuiet = await this.#ends(this.parts.transport.stop());
      if (!isQuiet) this.parts.logger.warn('node.transportHangs', { phase: this.#phase });
    } finally {
      // Whatever became of the transport, the folder is let go of.
      await this.#closeStorage();
    }
    this.parts.logger.info('node.stopped');
  }

  async #closeStorage(): Promise<void> {
    const { config, logger, storage } = this.parts;
    const settled = Promise.all([this.#live?.snapshots.settle(), this.#marked]);
    const isClosed = await this.#ends(settled.then(() => storage.close()));
    if (!isClosed) logger.warn('node.diskHangs', { waitedMs: config.stopTimeoutMs });
  }

  /** Resolves when no mark is being written. */
  get #marked(): Promise<unknown> {
    return Promise.all([...this.#marks, this.#departure.marked]);
  }

  async #ends(work: Promise<unknown> | undefined): Promise<boolean> {
    const { config, world } = this.parts;
    return await isDoneWithin(world.clock, config.stopTimeoutMs, work);
  }

  /** Hands leadership to the follower that is furthest, and waits until it has it, or nothing comes of it. */
  async #handOver(until: number): Promise<void> {
    const { parts, started } = this;
    const to = this.isLeader ? handOver(parts, started) : undefined;
    if (to === undefined) return;
    parts.logger.info('leader.handingOver', { to: to.nodeId });
    await this.waitUntil(() => isHandOverDecided(parts, started, to.raftId), until);
  }

  /** Resolves when the condition holds, or this node takes no part any more, at the latest at `until`. */
  async waitUntil(condition: () => boolean, until: number): Promise<void> {
    await this.pauses.until(condition, until);
  }

  /** A fault that can not be mended here: this node stops taking part, for good. */
  fail(cause: unknown): void {
    if (this.#phase === 'failed' || this.#phase === 'stopped') return;
    // Before anything else: who proposes again at once, from within, is refused; and what throws on the
    // way must not leave a node that goes on behind a command that it did not apply.
    this.#phase = 'failed';
    const error = toFailure(cause);
    this.#failure = error;
    // Its peers may have told it, and not the log.
    if (error.code === 'MEMBER_REMOVED' && this.#live) this.#departure.mark(this.#live.identity);
    if (error.code === 'DATA_ROLLED_BACK') this.#marks.push(markRolledBack(this.parts, error));
    this.parts.logger.error('node.failed', { code: error.code, error: error.message });
    const told = `node ${this.nodeId} has stopped taking part: ${error.message}`;
    this.#shutDown(new ClusterError('NODE_FAILED', told, { cause: error }));
    void this.parts.transport.stop().catch(() => undefined);
    // Who ends the process then must not take the mark with it.
    void this.#ends(this.#marked).then(() => this.#resolveFailed(error));
  }

  /** Everybody who waits is told; nothing ticks any more. */
  #shutDown(error: ClusterError): void {
    this.#ticker.stop();
    this.#deadlines.stop();
    this.pauses.end();
    if (this.#live !== undefined) endLive(this.#live, error);
    this.#departure.stop();
    failCalls(this.parts, error);
    this.told.end();
    this.parts.observers.end();
    this.#end.interrupt(error);
  }

  /** Takes a command to the log, wherever the leader is; see `RaftNode.submit`. */
  submit(
    kind: CommandKind,
    body: Uint8Array,
    { request, signal, timeoutMs }: ProposeOptions,
    listener: ProposalListener,
  ): void {
    this.checkTakesProposals();
    this.#checkMayForward();
    checkNotAborted(signal);
    const { proposals } = this.parts;
    const proposal = new LocalProposal(kind, request, this.deadline(timeoutMs), listener);
    proposals.add(proposal, body);
    if (signal !== undefined) abandonOnAbort(proposals, proposal, signal);
    this.started.loop.askTurn();
  }

  /** A command of the node's own; resolves when it is applied here. */
  proposeOwn(kind: CommandKind, body: Uint8Array, wait: WaitOptions): Promise<ProposeResult> {
    return promiseOf((listener) => {
      checkProposable(kind, body);
      this.submit(kind, body, wait, listener);
    });
  }

  #tick(lateMs: number): void {
    const { core, loop, diskWatch, snapshots, promotion, settling } = this.started;
    loop.guard(() => {
      if (lateMs > this.parts.config.tickIntervalMs) {
        this.parts.logger.warn('loop.late', { lateMs: Math.round(lateMs) });
      }
      core.tick();
      this.parts.proposals.tick();
      this.parts.reads.tick();
      diskWatch.tick();
      snapshots.tick();
      promotion.tick();
      settling.tick();
      this.#sessionExpiry.tick();
    });
  }

  /** Somebody's deadline has come. Answers the next one. */
  #expire(): number {
    const { proposals, reads, changes, leaderCalls, world } = this.parts;
    const why = (): ClusterError => waitedInVain(this.status(), 'appended');
    const now = world.clock.now();
    return Math.min(
      proposals.expire(),
      reads.expire(),
      changes.expire(now, why),
      leaderCalls.expire(now),
    );
  }

  leadershipChanged(): void {
    const { core, loop } = this.started;
    const { logger, proposals, reads } = this.parts;
    const leader = this.#memberOf(loop.leaderId);
    const { term } = core;
    if (!this.told.leaderIs(leader, this.isLeader, term)) return;
    logger.info('leader.changed', { leader: leader?.nodeId ?? null, term });
    reads.leaderChanged();
    if (leader === undefined) proposals.forwarded.retryParked();
    else proposals.forwarded.leaderChanged(leader.raftId);
    loop.askTurn();
  }

  membersChanged(): void {
    const { members, appliedIndex } = this.parts.replica;
    this.told.membersAre(members.list(), appliedIndex);
    const { identity, neighbours } = this.started;
    this.#departure.look(identity);
    if (this.takesPart) neighbours.weighRefusals();
  }

  /** The nodes' states differ, or do so no more. The one that is wrong ends, and its folder is marked. */
  diverged(verdict: StateVerdict, divergence: Divergence): void {
    const { logger } = this.parts;
    if (verdict === 'agreed') {
      if (this.#divergence !== undefined) logger.info('state.agrees', { ...divergence });
      this.#divergence = undefined;
      return;
    }
    this.#divergence = divergence;
    logger.error('state.diverged', { verdict, ...divergence });
    if (verdict !== 'we-differ') return;
    this.#marks.push(markQuarantined(this.parts, divergence));
    this.fail(stateDiverged(this.nodeId, divergence));
  }

  /** Who that is, for as long as it leads: without what may change meanwhile. */
  #memberOf(raftId: RaftId): Member | undefined {
    const found = this.parts.replica.members.list().find((member) => member.raftId === raftId);
    if (found === undefined) return undefined;
    const { arriving: _, ...member } = found;
    return member;
  }

  checkTakesPart(): void {
    if (this.takesPart) return;
    if (this.#failure !== undefined) {
      const message = `node ${this.nodeId} failed: ${this.#failure.message}`;
      throw new ClusterError('NODE_FAILED', message, { cause: this.#failure });
    }
    const phase = this.#phase;
    if (phase === 'new' || phase === 'starting') throw notStarted(this.nodeId, phase);
    throw new ClusterError('NODE_STOPPED', `node ${this.nodeId} is stopped; ask another node`);
  }

  /** Whether it may be asked for what only members do. */
  checkIsMember(): void {
    this.checkTakesPart();
    this.#departure.checkStays();
  }

  checkTakesProposals(): void {
    this.checkIsMember();
    if (this.#phase !== 'stopping') return;
    throw new ClusterError('NODE_STOPPED', `node ${this.nodeId} is stopping; ask another node`);
  }

  /** Where another node leads, and nothing is to be sent to it. */
  #checkMayForward(): void {
    const { disableProposalForwarding } = this.parts.config;
    if (disableProposalForwarding && this.leader !== undefined) this.checkLeads();
  }

  checkLeads(): void {
    this.checkTakesPart();
    if (this.isLeader) return;
    throw notLeader(this.leader?.nodeId);
  }

  deadline(timeoutMs: number = DEFAULT_TIMEOUT_MS): number {
    const deadline = this.parts.world.clock.now() + timeoutMs;
    this.#deadlines.watch(deadline);
    return deadline;
  }
}
