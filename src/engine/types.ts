/**
 * Engine: the one place that knows where agreement comes from. Everything above proposes commands,
 * reads the state that they built, and asks who leads, and would do the same on another engine.
 */
import type {
  Consistency,
  LeaderChange,
  Member,
  NodeStatus,
  ProposeOptions,
  ProposeResult,
  SessionId,
  WaitOptions,
} from '../consensus/index.ts';

export interface ReadOptions extends WaitOptions {
  /** Default `linearizable`. */
  readonly consistency?: Consistency;
}

export interface Engine extends AsyncDisposable {
  readonly nodeId: string;
  start(): Promise<void>;
  /** Hands leadership over first, if it can within its bound. Idempotent. */
  stop(): Promise<void>;
  /** Resolves when the command has been applied here; see the errors in `RaftNode.propose`. */
  propose(command: Uint8Array, options?: ProposeOptions): Promise<ProposeResult>;
  /** Resolves when the local state is at least as new as `consistency` demands; then read it in the same turn. */
  readBarrier(options?: ReadOptions): Promise<void>;
  /** A session makes retries safe; see `RequestId`. */
  openSession(options?: WaitOptions): Promise<SessionId>;
  closeSession(session: SessionId, options?: WaitOptions): Promise<void>;
  status(): NodeStatus;
  readonly isLeader: boolean;
  readonly leader: Member | undefined;
  /** Begins with the present state. Ends when the engine stops. */
  leaderChanges(): AsyncIterable<LeaderChange>;
  /** Settles when the node has failed for good (disk, divergence, a bug), with why; never when it was stopped. */
  readonly failed: Promise<Error>;
  transferLeadership(toNodeId: string, options?: WaitOptions): Promise<void>;
  addLearner(nodeId: string, address: string, options?: WaitOptions): Promise<Member>;
  promoteLearner(nodeId: string, options?: WaitOptions): Promise<void>;
  removeMember(nodeId: string, options?: WaitOptions): Promise<void>;
}
