/**
 * Engine: the one place that knows where agreement comes from. Everything above proposes commands,
 * reads the state that they built, and asks who leads, and would do the same on another engine.
 */
import type {
  Invitation,
  LeaderChange,
  Member,
  MembersChange,
  NodeStatus,
  ProposalListener,
  ProposeOptions,
  ProposeResult,
  ReadOptions,
  SessionId,
  WaitOptions,
} from '../consensus/index.ts';

/**
 * What agreement offers, wherever it comes from. One object is one node of one cluster, and lives
 * once.
 */
export interface Engine extends AsyncDisposable {
  readonly nodeId: string;
  /**
   * Opens what is stored and begins to take part; resolves before a leader is known.
   * @throws ClusterError DATA_DIR_*, DATA_CORRUPT, ADDRESS_IN_USE, ADDRESS_INVALID, NODE_STOPPED.
   */
  start(): Promise<void>;
  /** Hands leadership over first, if it can within its bound. Idempotent. */
  stop(): Promise<void>;
  /** Resolves when the command has been applied here; see the errors in `RaftNode.propose`. */
  propose(command: Uint8Array, options?: ProposeOptions): Promise<ProposeResult>;
  /**
   * The form of `propose` for those who propose very much, such as a door: no promise.
   *
   * - `listener` is told once: when the command has been applied here, or why it is not, or is not known to be;
   *   listeners of one node in the order of its proposals where commands were applied. Never before this
   *   has returned; also when the engine stops or fails.
   * - What is refused before anything was proposed is thrown, and the listener hears nothing: what `propose`
   *   refuses at once, an engine that was not started or has ended, and whatever the machine's `check`
   *   refuses. Callers rely on that: a door hands on bytes that it did not look at.
   * - The bytes are the caller's again when this has returned.
   * - A listener runs in the engine's own turn: it is to be quick, and not to throw. What it throws is an
   *   uncaught error of the program, and keeps nothing from the engine or from those who are told next.
   */
  submit(command: Uint8Array, options: ProposeOptions, listener: ProposalListener): void;
  /**
   * Resolves when the local state is whole, and at least as new as `consistency` demands; then read
   * it in the same turn. Rejects with REQUEST_INVALID, NOT_STARTED, NODE_STOPPED, NODE_FAILED,
   * OVERLOADED, ABORTED; at the deadline with NO_LEADER, NO_QUORUM, DEADLINE_EXCEEDED.
   */
  readBarrier(options?: ReadOptions): Promise<void>;
  /** A session makes retries safe; see `RequestId`. Rejects as `propose` does. */
  openSession(options?: WaitOptions): Promise<SessionId>;
  /**
   * Ends a session: its results are forgotten, and its requests are refused with SESSION_EXPIRED.
   * One that is gone already is no error. Rejects as `propose` does.
   */
  closeSession(session: SessionId, options?: WaitOptions): Promise<void>;
  /** All that is known at this moment; a copy. @throws ClusterError NOT_STARTED. */
  status(): NodeStatus;
  readonly isLeader: boolean;
  readonly leader: Member | undefined;
  /**
   * Begins with the present state, and gives the newest that the reader has time for. Ends when the
   * engine stops; a reader leaves with its loop, or by the iterator's `return`, at once.
   */
  leaderChanges(): AsyncIterable<LeaderChange>;
  /** Settles when the node has failed for good (disk, divergence, a bug), with why; never when it was stopped. */
  readonly failed: Promise<Error>;
  /**
   * Resolves when the other one leads. This and the changes of members may be asked on any node;
   * all of them reject with REQUEST_INVALID, CONFIG_INVALID (node id), NOT_STARTED, NODE_STOPPED,
   * NODE_FAILED, NO_LEADER, NO_QUORUM, NOT_LEADER, OVERLOADED, OUTCOME_UNKNOWN, ABORTED. This one
   * also with MEMBER_UNKNOWN, CONF_CHANGE_INVALID (of a learner), TRANSFER_TIMED_OUT.
   */
  transferLeadership(toNodeId: string, options?: WaitOptions): Promise<void>;
  /** In the manner of `leaderChanges`. */
  memberChanges(): AsyncIterable<MembersChange>;
  /**
   * A member that gets its vote when it has caught up; what its node must be started with. Rejects
   * with MEMBER_EXISTS, PEER_ADDRESS_INVALID, CHANGE_IN_PROGRESS, PROPOSAL_DROPPED,
   * DEADLINE_EXCEEDED: nothing was changed; and as `transferLeadership` says.
   */
  addNode(nodeId: string, address: string, options?: WaitOptions): Promise<Invitation>;
  /** A member that only follows, until it is promoted. Rejects as `addNode` does. */
  addLearner(nodeId: string, address: string, options?: WaitOptions): Promise<Invitation>;
  /**
   * Gives a learner its vote; resolves when that vote counts whatever the others forget. @throws
   * ClusterError MEMBER_UNKNOWN, CHANGE_IN_PROGRESS, PROPOSAL_DROPPED, NO_LEADER, NO_QUORUM,
   * CONF_CHANGE_INVALID (with its vote the voters that are reached would be no majority),
   * OUTCOME_UNKNOWN (it votes, but not enough of the others have written that down yet: ask again).
   */
  promoteLearner(nodeId: string, options?: WaitOptions): Promise<void>;
  /**
   * False when nobody is called so. Resolves when the others can do without it for certain: it is
   * to run until then, and ends by itself. Rejects with CHANGE_IN_PROGRESS, PROPOSAL_DROPPED,
   * CONF_CHANGE_INVALID (the voters that remain could decide nothing), and as `transferLeadership`
   * says.
   */
  removeNode(nodeId: string, options?: WaitOptions): Promise<boolean>;
}
