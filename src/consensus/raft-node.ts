/**
 * A durable Raft node: the pure core, a storage, a transport and a state machine.
 *
 * This is its surface: all that may be asked of it. How it begins, ticks and ends is `NodeLife`; the loop
 * that does the work is `Loop`; who is a member is decided at the `MembershipDesk`.
 */
import { ClusterError } from '../errors.ts';
import type { LogIndex } from '../raft/index.ts';
import {
  checkCommand,
  checkProposeOptions,
  checkReadOptions,
  checkSession,
  checkWaitOptions,
  NO_OPTIONS,
} from './call-checks.ts';
import { validateConfig } from './check-config.ts';
import { validateParts } from './check-parts.ts';
import { checkNotAborted, unlessAborted } from './complaints.ts';
import { cloneConfig, type RaftNodeConfig } from './config.ts';
import { CommandKind } from './envelope.ts';
import { askCheck } from './machine-results.ts';
import { MembershipDesk } from './membership-desk.ts';
import { NodeLife } from './node-life.ts';
import type { RaftNodeParts } from './node-parts.ts';
import { promiseOf } from './proposal-listeners.ts';
import type { WaitingRead } from './reads.ts';
import { decodeNumber, encodeNumbers } from './replica.ts';
import type {
  Invitation,
  LeaderChange,
  Member,
  MembersChange,
  NodePhase,
  NodeStatus,
  ProposalListener,
  ProposeOptions,
  ProposeResult,
  ReadOptions,
  ReadyObservation,
  SessionId,
  WaitOptions,
} from './types.ts';
import { waitFor } from './waiting.ts';

/**
 * A durable Raft node: the pure core, a storage, a transport and a state machine. It lives once:
 * make a new one to start again. See the room's door for what it promises and asks of its caller.
 */
export class RaftNode implements AsyncDisposable {
  readonly #life: NodeLife;
  readonly #desk: MembershipDesk;

  /**
   * Resolves with the reason when the node has stopped taking part for good; never on `stop`. What such a node
   * leaves in its folder (of a quarantine, of its removal) is there by then, unless the disk takes longer than
   * `stopTimeoutMs`.
   */
  readonly failed: Promise<Error>;

  /** @throws ClusterError CONFIG_INVALID. */
  constructor(config: RaftNodeConfig, parts: RaftNodeParts) {
    validateConfig(config);
    validateParts(parts);
    this.#life = new NodeLife(cloneConfig(config), parts, (call, timeoutMs) =>
      this.#desk.perform(call, timeoutMs),
    );
    this.#desk = new MembershipDesk(this.#life);
    this.failed = this.#life.failed;
  }

  /** The name that the configuration gave it. */
  get nodeId(): string {
    return this.#life.nodeId;
  }

  /** Where it is in its life. */
  get phase(): NodePhase {
    return this.#life.phase;
  }

  /**
   * Whether it leads, as far as it knows: somebody else may have been elected a moment ago. What
   * must not rest on an old belief goes through `propose` or `readIndex`.
   */
  get isLeader(): boolean {
    return this.#life.isLeader;
  }

  /** The leader that it follows, itself included; `undefined` while none is known. */
  get leader(): Member | undefined {
    return this.#life.leader;
  }

  /** Index of the last entry that the state machine has applied. */
  get appliedIndex(): LogIndex {
    return this.#life.parts.replica.appliedIndex;
  }

  /**
   * Founds, joins or opens the node's state, restores the state machine, and begins to take part.
   * @throws ClusterError DATA_DIR_MISMATCH, DATA_CORRUPT, ADDRESS_IN_USE, ADDRESS_INVALID, MEMBER_REMOVED,
   * STATE_DIVERGED (the folder was quarantined), NODE_STOPPED: also where a part of one's own hangs in it, some
   * time after `stop` was called.
   */
  async start(): Promise<void> {
    await this.#life.start();
  }

  /**
   * Ends this node's part in good order: takes no more proposals, finishes those under way, hands
   * leadership over, closes. `stopTimeoutMs` bounds the handing over, and once more the closing: a disk
   * that hangs is left to itself. Idempotent.
   */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** As `stop`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * Proposes a command; resolves with the state machine's result once this node has applied it.
   *
   * Rejects with
   * - REQUEST_INVALID, COMMAND_TOO_LARGE, NOT_STARTED, NODE_STOPPED, NODE_FAILED (also of a node
   *   that was removed), OVERLOADED, NOT_LEADER (where forwarding is disabled): nothing was
   *   proposed; nor where the state machine's own `check` refuses the command, with whatever it
   *   throws;
   * - NO_QUORUM, NO_LEADER, DEADLINE_EXCEEDED: the deadline came first, and nothing was proposed;
   * - OUTCOME_UNKNOWN: it may or may not take effect; ABORTED: likewise, unless its `retryable` is
   *   `yes`;
   * - RESULT_TOO_LARGE: it was applied, and its result is too large to be told;
   * - SESSION_EXPIRED, SEQUENCE_STALE: the request id is not answered any more; not applied now.
   */
  propose(command: Uint8Array, options: ProposeOptions = NO_OPTIONS): Promise<ProposeResult> {
    return promiseOf((listener) => this.submit(command, options, listener));
  }

  /**
   * The form of `propose` for those who propose very much: no promise, and the listener is told in the turn
   * of the loop in which this node has applied the command. The bytes are the caller's again at once. What
   * is refused before anything was proposed is thrown here, and the listener hears nothing.
   */
  submit(command: Uint8Array, options: ProposeOptions, listener: ProposalListener): void {
    checkCommand(command);
    checkProposeOptions(options);
    const { config, machine } = this.#life.parts;
    const { commandBytesMax } = config;
    if (command.length > commandBytesMax) {
      throw new ClusterError(
        'COMMAND_TOO_LARGE',
        `the command has ${command.length} bytes, at most ${commandBytesMax} are taken`,
        { details: { bytes: command.length, max: commandBytesMax } },
      );
    }
    askCheck(machine, command);
    this.#life.submit(CommandKind.Application, command, options, listener);
  }

  /**
   * Opens a session; see `RequestId`. A lost answer leaves one behind, which ends by itself unused.
   * Rejects as `propose` does.
   */
  async openSession(options: WaitOptions = NO_OPTIONS): Promise<SessionId> {
    checkWaitOptions(options);
    const nothing = new Uint8Array(0);
    const opened = await this.#life.proposeOwn(CommandKind.OpenSession, nothing, options);
    return decodeNumber(opened.bytes);
  }

  /**
   * Ends a session: its results are forgotten, and its requests are refused with SESSION_EXPIRED.
   * One that is gone already is no error. Rejects as `propose` does.
   */
  async closeSession(session: SessionId, options: WaitOptions = NO_OPTIONS): Promise<void> {
    checkSession(session);
    checkWaitOptions(options);
    await this.#life.proposeOwn(CommandKind.CloseSession, encodeNumbers(session), options);
  }

  /**
   * Resolves when the local state holds every write that was acknowledged anywhere before the call;
   * read it in the same turn. On any node, learners included.
   *
   * Rejects with
   * - REQUEST_INVALID, NOT_STARTED, OVERLOADED, ABORTED; with NODE_STOPPED or NODE_FAILED also
   *   where the node ends meanwhile, or was removed;
   * - NO_QUORUM, NO_LEADER at the deadline; DEADLINE_EXCEEDED where neither is missing, such as on
   *   a node that has not applied that far yet, or is installing a snapshot.
   */
  async readIndex(options: WaitOptions = NO_OPTIONS): Promise<void> {
    checkWaitOptions(options);
    this.#life.checkIsMember();
    checkNotAborted(options.signal);
    const read = this.#life.parts.reads.add(this.#life.deadline(options.timeoutMs));
    this.#life.started.loop.askTurn();
    await this.#untilReleased(read, options.signal);
  }

  /**
   * As `readIndex`, with the same errors. With `local` it asks nobody, and only says whether this
   * node takes part at all: what one that stopped, failed or was removed has in memory is nothing
   * to go by. It resolves at once, unless the state is being replaced by a snapshot: it waits for
   * that, until the deadline.
   */
  async readBarrier(options: ReadOptions = NO_OPTIONS): Promise<void> {
    checkReadOptions(options);
    const { consistency, ...wait } = options;
    if (consistency !== 'local') return await this.readIndex(wait);
    this.#life.checkIsMember();
    checkNotAborted(options.signal);
    const { reads, replica } = this.#life.parts;
    if (!replica.isRestoring) return;
    const read = reads.addLocal(this.#life.deadline(options.timeoutMs));
    await this.#untilReleased(read, options.signal);
  }

  async #untilReleased(read: WaitingRead, signal: AbortSignal | undefined): Promise<void> {
    const { reads } = this.#life.parts;
    await unlessAborted(signal, read.promise, (error) => reads.abandon(read, error));
  }

  /**
   * Makes the node a member: a learner at once, and a voter as soon as it has caught up, which
   * whoever leads then looks after. Resolves with what the node must be started with
   * (`config.join`). Asked again before the node has come, it gives the same invitation again. On
   * any node: the leader is asked.
   *
   * Rejects with
   * - REQUEST_INVALID (options), CONFIG_INVALID (node id), PEER_ADDRESS_INVALID, MEMBER_EXISTS;
   *   NOT_STARTED, NODE_STOPPED, NODE_FAILED; NO_LEADER, NO_QUORUM, DEADLINE_EXCEEDED;
   *   CHANGE_IN_PROGRESS, PROPOSAL_DROPPED, OVERLOADED; NOT_LEADER, where leadership has just
   *   changed, or forwarding is disabled: nothing was changed;
   * - OUTCOME_UNKNOWN, ABORTED: ask again.
   */
  async addNode(
    nodeId: string,
    address: string,
    options: WaitOptions = NO_OPTIONS,
  ): Promise<Invitation> {
    checkWaitOptions(options);
    return await this.#desk.add(nodeId, address, true, options);
  }

  /**
   * As `addNode`, but it stays a learner, which follows the log and does not vote, until it is
   * promoted. Rejects as `addNode` does.
   */
  async addLearner(
    nodeId: string,
    address: string,
    options: WaitOptions = NO_OPTIONS,
  ): Promise<Invitation> {
    checkWaitOptions(options);
    return await this.#desk.add(nodeId, address, false, options);
  }

  /**
   * Gives a learner its vote, also before it has caught up; resolves when that vote counts whatever
   * the others forget. A voter stays one. On any node. Rejects as `addNode` does, but for what is
   * about names and addresses that are taken, with MEMBER_UNKNOWN, and with CONF_CHANGE_INVALID:
   * with its vote the voters that are reached would be no majority. OUTCOME_UNKNOWN may also mean
   * that it votes, and not enough of the others have written that down.
   */
  async promoteLearner(nodeId: string, options: WaitOptions = NO_OPTIONS): Promise<void> {
    checkWaitOptions(options);
    await this.#desk.promote(nodeId, options);
  }

  /**
   * Removes a member; false when nobody is called so, so that it may be asked again after a lost
   * answer. Resolves when the others can do without it for certain: it may be switched off from
   * then on, and not before. It is told, and ends with MEMBER_REMOVED. On any node; a leader that
   * is removed steps down.
   *
   * Rejects as `addNode` does, but for what is about names and addresses that are taken, and with
   * CONF_CHANGE_INVALID where the voters that remain could decide nothing. OUTCOME_UNKNOWN may also
   * mean that it is removed, and must run on for now.
   */
  async removeNode(nodeId: string, options: WaitOptions = NO_OPTIONS): Promise<boolean> {
    checkWaitOptions(options);
    return await this.#desk.remove(nodeId, options);
  }

  /**
   * Hands leadership to another voter; resolves when it leads, at once where it does already. On
   * any node.
   *
   * Rejects with REQUEST_INVALID (options), CONFIG_INVALID (node id), MEMBER_UNKNOWN,
   * CONF_CHANGE_INVALID (of a learner), NOT_STARTED, NODE_STOPPED, NODE_FAILED, NO_LEADER,
   * NO_QUORUM, OVERLOADED, NOT_LEADER (leadership has just changed, or forwarding is disabled);
   * TRANSFER_TIMED_OUT: another one leads, or nobody, which is known after an election timeout at the
   * latest where the leader lives; OUTCOME_UNKNOWN: what became of it is not known here; ABORTED.
   */
  async transferLeadership(toNodeId: string, options: WaitOptions = NO_OPTIONS): Promise<void> {
    checkWaitOptions(options);
    await this.#desk.transferLeadership(toNodeId, options);
  }

  /**
   * Stands for election now, whatever the timers say. It only begins: `leaderChanges` tells what
   * came of it. With `preVote` the others are asked first, and refuse while they hear a leader
   * (`checkQuorum`). Does nothing on a leader, on a learner or on one that was removed, and while a
   * committed change of members is yet to be applied.
   * @throws ClusterError NOT_STARTED, NODE_STOPPED, NODE_FAILED.
   */
  campaign(): void {
    this.#life.checkTakesPart();
    const { core, loop } = this.#life.started;
    loop.guard(() => core.campaign());
  }

  /**
   * Takes a snapshot of the state applied by now, after the one that is being written, if any. A large state takes
   * its time: `timeoutMs` has no default here. Rejects with the reason where it could not be written; with
   * NODE_STOPPED or NODE_FAILED where the node ended before; with OUTCOME_UNKNOWN at the timeout, or ABORTED:
   * then it is being written still.
   */
  async snapshot(options: WaitOptions = NO_OPTIONS): Promise<void> {
    checkWaitOptions(options);
    this.#life.checkTakesPart();
    checkNotAborted(options.signal);
    const { parts, started } = this.#life;
    await waitFor(parts.world.clock, started.snapshots.save(), options);
  }

  /**
   * Who leads, as this node knows it: the present state first, then the newest that the reader has
   * time for; ends when the node does. A reader leaves with its loop, or by the iterator's
   * `return`, at once.
   */
  leaderChanges(): AsyncIterable<LeaderChange> {
    return this.#life.told.leaders;
  }

  /** Who the members are; in the manner of `leaderChanges`. */
  memberChanges(): AsyncIterable<MembersChange> {
    return this.#life.told.members;
  }

  /**
   * What the core does, step by step, from now on; ends when the node does. An observation: a
   * reader that is too slow loses the oldest steps and is told how many (READY_OBSERVATIONS_MAX are
   * kept at most, with READY_OBSERVATION_BYTES_MAX bytes of entries); it holds these until it
   * leaves, by the iterator's `return`. Nothing is to be acknowledged by it; who wants to drive the
   * core by hand uses `quorate/raft`.
   */
  ready(): AsyncIterableIterator<ReadyObservation> {
    return this.#life.parts.observers.read();
  }

  /**
   * What this node knows of itself and of the others at this moment, as data; a copy. Before the start
   * and after the end, too. Cheap enough for every second.
   */
  status(): NodeStatus {
    // Parts of it are what the node itself goes by, such as who leads.
    return structuredClone(this.#life.status());
  }
}
