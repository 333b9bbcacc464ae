/**
 * What a Raft node is to those who use it: the state machine that they bring, what they may ask, and
 * what they are told.
 */
import type {
  Entry,
  HardState,
  LogIndex,
  Message,
  RaftId,
  Snapshot,
  SoftState,
  Term,
} from '../raft/index.ts';
import type { SnapshotReader, SnapshotSection } from '../storage/index.ts';

/**
 * The answer of the state machine to one command. `code` 0: done. Any other code is the machine's own
 * rejection: a result like any other, the same on every node, that stops nothing.
 *
 * `bytes` may be made when they are asked for (see `CompactResult`): whoever hands a result on as another one takes
 * it apart, `{ code, bytes: result.bytes }`. A copy by a spread, by `structuredClone` or as JSON has none.
 */
export interface CommandResult {
  readonly code: number;
  readonly bytes: Uint8Array;
}

/** Where in the log the commands of a batch stand. */
export interface ApplyContext {
  readonly index: LogIndex;
  readonly term: Term;
}

/**
 * The replicated part. Everything in it must be deterministic: same commands in the same order, same
 * state and same results, on every node, whatever the clock says. It is called from one place only,
 * never concurrently.
 */
export interface StateMachine {
  /**
   * What is wrong with a command, before it is proposed on this node: throws a ClusterError, such as
   * REQUEST_INVALID, and nothing is proposed. At once (no promise), cheap, and of no effect. It refuses what
   * `applyBatch` would reject for being no command, and nothing that it would do. For the caller's sake only:
   * `applyBatch` may be given what was never checked, and must not rely on it.
   */
  check?(command: Uint8Array): void;
  /**
   * Applies the commands in order; answers one result for each. May keep the bytes, must not change them.
   * Whatever it throws is a bug in it: the node stops applying and says so. It never skips.
   */
  applyBatch(commands: readonly Uint8Array[], at: ApplyContext): readonly CommandResult[];
  /**
   * Captures the state as it is now, cheaply (copy-on-write); the sections are iterated later, while
   * commands go on being applied. Section names must begin with `app.`.
   */
  snapshot(): readonly SnapshotSection[];
  /**
   * Replaces the state by that of a snapshot: at start, and when the node had fallen too far
   * behind. No read of the node is answered until it resolves (`readIndex`, `readBarrier`, also a
   * local one), and nothing is applied: it may go part by part. Who reads the machine without
   * asking the node may see half of it.
   */
  restore(reader: Pick<SnapshotReader, 'section'>): Promise<void>;
}

/** Names a client's session: minted by the log, from 1, never used twice. */
export type SessionId = number;

/** Names one request of one client for ever, so that a retry is applied once. */
export interface RequestId {
  readonly session: SessionId;
  /** Chosen by the client, from 1, never used for another request. */
  readonly sequence: number;
  /** The client has the answers of every sequence below this and will not ask for them again. */
  readonly acknowledgedBelow?: number;
}

/** How long the caller waits. */
export interface WaitOptions {
  /** Ends the wait at once when it fires, with ABORTED; what was proposed by then may still take effect. */
  readonly signal?: AbortSignal;
  /** Default 5,000 ms. */
  readonly timeoutMs?: number;
}

/** How long to wait, and by which name the request is known if it is repeated. */
export interface ProposeOptions extends WaitOptions {
  readonly request?: RequestId;
}

export interface ProposeResult extends CommandResult {
  /** Of the log entry that held the command; this node has applied it. */
  readonly index: LogIndex;
}

/**
 * Waits for what `submit` took. One of the two is called, once, never before `submit` has returned. What a
 * listener throws is its own: it is thrown again outside of the node, as from a timer.
 */
export interface ProposalListener {
  /**
   * This node has applied the command, and this is what the machine answered; told at the end of a turn of the
   * loop. It may be kept; its `bytes` must not be changed, and may be made when they are asked for
   * (`resultLength`, `writeResult` do without).
   */
  applied(index: LogIndex, result: CommandResult): void;
  /** The errors that `propose` rejects with, but for what was refused at once. */
  failed(error: Error): void;
}

/**
 * `linearizable`: sees every write that was acknowledged before the read. `local`: what this node
 * has, however old, but whole: while a snapshot is installed it waits for that.
 */
export type Consistency = 'linearizable' | 'local';

/** How fresh the read must be, and how long the caller waits. */
export interface ReadOptions extends WaitOptions {
  /** Default `linearizable`. */
  readonly consistency?: Consistency;
}

/** Voters decide and may lead; learners only follow the log. */
export type MemberRole = 'voter' | 'learner';

/** A member as the replicated state knows it. */
export interface Member {
  readonly raftId: RaftId;
  readonly nodeId: string;
  /** `host:port` of its peers' door. */
  readonly address: string;
  readonly role: MemberRole;
  /** A learner that gets its vote as soon as it has caught up. */
  readonly wantsVote?: true;
  /**
   * A voter since just now: not enough of the others have it on their disks that its vote counts. Do not
   * rely on it yet, for example by taking another one out of service.
   */
  readonly arriving?: true;
}

/**
 * What a node must know to join a cluster that it did not found: plain data, given by `addNode` and
 * `addLearner`, carried to the new node in whatever way suits (it is no secret and no proof).
 */
export interface Invitation {
  readonly clusterName: string;
  /** 32 hexadecimal digits. */
  readonly clusterId: string;
  readonly nodeId: string;
  /** Minted for this membership; a node that was removed and added again gets another one. */
  readonly raftId: RaftId;
  /** Members to talk to first. The log says who else there is. */
  readonly members: readonly MemberAddress[];
}

/** Where a member is found. */
export interface MemberAddress {
  readonly raftId: RaftId;
  readonly nodeId: string;
  /** `host:port` of its peers' door. */
  readonly address: string;
}

/** Of another member, as this node sees it. Progress is known to the leader only. */
export interface MemberStatus extends Member {
  readonly connected: boolean;
  readonly matchIndex?: LogIndex;
  readonly progress?: 'probe' | 'replicate' | 'snapshot';
  readonly active?: boolean;
  readonly lastError?: string;
}

/** The node's part in the present term. */
export type NodeRole = 'follower' | 'candidate' | 'leader' | 'pre-candidate';

/** A node's life goes one way: from `new` to `stopped`, or to `failed` from anywhere. */
export type NodePhase = 'new' | 'starting' | 'running' | 'stopping' | 'stopped' | 'failed';

/** A fault that ended this node's participation for good. */
export interface NodeFailure {
  readonly code: string;
  readonly message: string;
}

/** Why there is no snapshot of the state at that index. */
export interface SnapshotFailure {
  readonly message: string;
  readonly index: LogIndex;
}

/** Two nodes applied the same commands and have different results: at least one of them is wrong. */
export interface Divergence {
  /** First compared index at which they differed; the cause lies in the entries before it. */
  readonly index: LogIndex;
  /** The state hash that each voter had there, by node id. */
  readonly hashes: Readonly<Record<string, string>>;
}

/**
 * What a node knows of itself and of the others, at one moment. Plain data, made to be shown.
 * Indexes count log entries from 1; 0 is nothing yet.
 */
export interface NodeStatus {
  readonly nodeId: string;
  readonly raftId: RaftId;
  readonly clusterName: string;
  readonly clusterId: string;
  readonly incarnation: string;
  readonly phase: NodePhase;
  /** It was removed, and runs on for the others' sake until they tell it that they can do without it. */
  readonly leaving: boolean;
  readonly role: NodeRole;
  readonly term: Term;
  readonly leader: Member | undefined;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly durableIndex: LogIndex;
  readonly snapshotIndex: LogIndex;
  /**
   * The newest snapshot that was tried could not be taken, and is tried again; or it has not got on for
   * SNAPSHOT_SILENCE_MS_MAX, and is waited for. Its log is kept meanwhile.
   */
  readonly snapshotFailure: SnapshotFailure | undefined;
  /** Rolling hash over every command and result up to `appliedIndex`, in hexadecimal. */
  readonly stateHash: string;
  /** A difference between the nodes' states that no majority could settle, or that another node has. */
  readonly divergence: Divergence | undefined;
  readonly members: readonly MemberStatus[];
  /** Voters that must be reached for a decision, and how many this node thinks it reaches. */
  readonly quorum: { readonly needed: number; readonly reached: number };
  readonly sessions: number;
  readonly failure: NodeFailure | undefined;
}

/** Latest-value: a slow reader misses steps, never the newest; `sequence` grows by one per change. */
export interface LeaderChange {
  readonly sequence: number;
  readonly term: Term;
  readonly leader: Member | undefined;
  readonly isLeader: boolean;
}

/** Latest-value, as `LeaderChange`. */
export interface MembersChange {
  readonly sequence: number;
  /** Log index up to which the changes of members are in. */
  readonly index: LogIndex;
  readonly members: readonly Member[];
}

/**
 * One step of the core, for an outside reader: what it said is to be stored, sent and applied. An
 * observation: nothing waits for the reader, and the arrays are the core's own, not to be changed.
 * Who wants to drive `Ready` and `advance` by hand uses `RawNode` of `quorate/raft`.
 */
export interface ReadyObservation {
  /** From 1, one more for each step since the reader came. */
  readonly sequence: number;
  /** Steps that this reader was too slow for, in all: the oldest were dropped. */
  readonly dropped: number;
  /** Leader and role, when they changed. */
  readonly softState: SoftState | undefined;
  /** Term, vote and commit index, when they changed. */
  readonly hardState: HardState | undefined;
  /** To be stored. */
  readonly entries: readonly Entry[];
  /** To be installed. */
  readonly snapshot: Snapshot | undefined;
  /** To be applied. */
  readonly committedEntries: readonly Entry[];
  /** To be sent to other nodes, now; what waits for the disk is in none of the steps. */
  readonly messages: readonly Message[];
  /** Whether a vote, an acknowledgement or a commit waits for `entries` and `hardState` to be durable. */
  readonly mustSync: boolean;
}
