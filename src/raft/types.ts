/**
 * The vocabulary of the Raft core: what peers say to each other (raftpb's schema, as plain objects)
 * and what the core says to the code around it.
 *
 * Ids, terms and indexes are safe integers in memory. On the wire they are uint64; the codec refuses
 * what does not fit, so nothing in here is ever a rounded number. 0 means "none" for ids, terms and
 * indexes alike, as in the paper's figure 2.
 */

/** A member's id inside its group. 0 is nobody. */
export type RaftId = number;
/** Number of a leadership; at most one leader in each. From 1; 0 is before all of them. */
export type Term = number;
/** Place of an entry in the log. From 1; 0 is before all entries. */
export type LogIndex = number;

/** No member: an unknown leader, an uncast vote. */
export const NONE: RaftId = 0;
/** Addressee of messages to the local log writer (2^64-1 on the wire). */
export const APPEND_THREAD: RaftId = -1;
/** Addressee of messages to the local state machine (2^64-2 on the wire). */
export const APPLY_THREAD: RaftId = -2;
/** "No limit", for every bound that counts bytes or messages. */
export const NO_LIMIT: number = Number.MAX_SAFE_INTEGER;

/** Numbers are raftpb's. */
export const MessageType = {
  Hup: 0,
  Beat: 1,
  Prop: 2,
  App: 3,
  AppResp: 4,
  Vote: 5,
  VoteResp: 6,
  Snap: 7,
  Heartbeat: 8,
  HeartbeatResp: 9,
  Unreachable: 10,
  SnapStatus: 11,
  CheckQuorum: 12,
  TransferLeader: 13,
  TimeoutNow: 14,
  ReadIndex: 15,
  ReadIndexResp: 16,
  PreVote: 17,
  PreVoteResp: 18,
  StorageAppend: 19,
  StorageAppendResp: 20,
  StorageApply: 21,
  StorageApplyResp: 22,
  ForgetLeader: 23,
} as const;
/** One of the values of `MessageType`. */
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/** What an entry holds. Numbers are raftpb's. */
export const EntryType = { Normal: 0, ConfChange: 1, ConfChangeV2: 2 } as const;
/** One of the values of `EntryType`. */
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

/** One place in the log: what was proposed, and the leadership that gave it its place. */
export interface Entry {
  readonly term: Term;
  readonly index: LogIndex;
  readonly type: EntryType;
  /** Never changed after the entry was made; shared, not copied. */
  readonly data: Uint8Array;
}

/** What must be durable before any answer that depends on it leaves the node (Raft, figure 2). */
export interface HardState {
  readonly term: Term;
  readonly vote: RaftId;
  readonly commit: LogIndex;
}

/** A membership, as it travels in snapshots. Lists are sorted ascending. */
export interface ConfState {
  readonly voters: readonly RaftId[];
  readonly learners: readonly RaftId[];
  /** The outgoing half while a joint configuration is in force, else empty. */
  readonly votersOutgoing: readonly RaftId[];
  /** Voters of the outgoing half that become learners when it is left. */
  readonly learnersNext: readonly RaftId[];
  /** The leader leaves the joint configuration by itself once it is committed. */
  readonly autoLeave: boolean;
}

/**
 * What a snapshot replaces: the log up to `index`, whose entry had `term`, and the members by then.
 */
export interface SnapshotMetadata {
  readonly confState: ConfState;
  readonly index: LogIndex;
  readonly term: Term;
}

/** A state that takes the place of the beginning of the log. */
export interface Snapshot {
  readonly metadata: SnapshotMetadata;
  /** Opaque to the core. The node around it puts a descriptor of the snapshot's file here. */
  readonly data: Uint8Array;
}

/**
 * One message. Absent fields of the wire are their zero values here; `snapshot`, `context` and
 * `responses` are absent when there is none. A message is never changed after it was emitted.
 */
export interface Message {
  readonly type: MessageType;
  readonly to: RaftId;
  readonly from: RaftId;
  readonly term: Term;
  /** Term of the entry before `entries` (App), of the last entry (Vote), of the appended one (StorageAppend). */
  readonly logTerm: Term;
  readonly index: LogIndex;
  /** The array may be kept, by the core as well: it is not changed afterwards. */
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
  readonly vote: RaftId;
  readonly snapshot?: Snapshot | undefined;
  readonly reject: boolean;
  readonly rejectHint: LogIndex;
  readonly context?: Uint8Array | undefined;
  /** Local storage messages only: to be stepped or sent once the work that they wait for is done. */
  readonly responses?: readonly Message[] | undefined;
}

/** What happens to the member. Numbers are raftpb's. */
export const ConfChangeType = {
  AddNode: 0,
  RemoveNode: 1,
  UpdateNode: 2,
  AddLearnerNode: 3,
} as const;
/** One of the values of `ConfChangeType`. */
export type ConfChangeType = (typeof ConfChangeType)[keyof typeof ConfChangeType];

/**
 * How several changes are made: `Auto` goes through a joint configuration only where it must, the
 * others always; it is left by itself (`JointImplicit`) or by an empty change (`JointExplicit`).
 * Numbers are raftpb's.
 */
export const ConfChangeTransition = { Auto: 0, JointImplicit: 1, JointExplicit: 2 } as const;
/** One of the values of `ConfChangeTransition`. */
export type ConfChangeTransition = (typeof ConfChangeTransition)[keyof typeof ConfChangeTransition];

/** The old form: one change. `id` is free for the proposer's use. */
export interface ConfChange {
  readonly type: ConfChangeType;
  readonly nodeId: RaftId;
  readonly context: Uint8Array;
  readonly id: number;
}

/** One of the changes of a `ConfChangeV2`. */
export interface ConfChangeSingle {
  readonly type: ConfChangeType;
  readonly nodeId: RaftId;
}

/** The general form: any number of changes. Without any, it leaves the joint configuration. */
export interface ConfChangeV2 {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
  readonly context: Uint8Array;
}

/** A node's part in the present term. Numbers are etcd's. */
export const StateType = { Follower: 0, Candidate: 1, Leader: 2, PreCandidate: 3 } as const;
/** One of the values of `StateType`. */
export type StateType = (typeof StateType)[keyof typeof StateType];

/** What may be forgotten at a restart. */
export interface SoftState {
  readonly lead: RaftId;
  readonly state: StateType;
}

/** Reads up to `index` may be served locally once that index has been applied here. */
export interface ReadState {
  readonly index: LogIndex;
  /** The context given to `readIndex`. */
  readonly context: Uint8Array;
}

/** A range of the log that the core needs and the storage does not hold in memory: `[lo, hi)`. */
export interface LogRead {
  readonly lo: LogIndex;
  readonly hi: LogIndex;
}

/**
 * The core's view of the stored log: synchronous, from memory. What needs a disk read answers
 * "not here yet", and is asked for again after the shell has loaded it.
 */
export interface LogStorage {
  /**
   * What was durable when this process began: term, vote and commit index, and the members of the
   * newest snapshot.
   */
  initialState(): { readonly hardState: HardState; readonly confState: ConfState };
  /** Index of the first entry that is available; 1 for a new log, snapshot index + 1 after a snapshot. */
  firstIndex(): LogIndex;
  /** Index of the last entry, or `firstIndex() - 1` when there is none. */
  lastIndex(): LogIndex;
  /**
   * Term of the entry at `index`, valid for `firstIndex() - 1 <= index <= lastIndex()`.
   * @throws ClusterError LOG_COMPACTED below that range, LOG_UNAVAILABLE above it.
   */
  term(index: LogIndex): Term;
  /**
   * Entries `[lo, hi)`, cut so that their encoded size stays within `maxBytes` but never empty.
   * `undefined`: the entry at `lo` exists but is not in memory; load it and ask again. The array is kept for a
   * while, and must not be changed afterwards.
   * @throws ClusterError LOG_COMPACTED, LOG_UNAVAILABLE.
   */
  entries(lo: LogIndex, hi: LogIndex, maxBytes: number): readonly Entry[] | undefined;
  /** The newest snapshot; `undefined` when none can be offered at this moment (asked again later). */
  snapshot(): Snapshot | undefined;
}

/** Everything that the core wants done, and the only way it says so. */
export interface Ready {
  /** Present when leader or role changed. */
  readonly softState?: SoftState | undefined;
  /** Present when it changed. To be made durable together with `entries`. */
  readonly hardState?: HardState | undefined;
  readonly readStates: readonly ReadState[];
  readonly entries: readonly Entry[];
  readonly snapshot?: Snapshot | undefined;
  readonly committedEntries: readonly Entry[];
  /**
   * Synchronous mode: to be sent after `hardState`, `entries` and `snapshot` are durable, unless this node leads.
   * With asynchronous storage writes at once, but for `Vote`: a candidate must ask only once the storage
   * message of the same Ready is done. Else it may crash, not know that it ever stood or led, be given the same
   * votes again, and lead one term twice, with other entries (etcd's core sends them at once).
   */
  readonly messages: readonly Message[];
  /** Whether `hardState` and `entries` must be synced before `messages` leave. */
  readonly mustSync: boolean;
  /** Ranges that the core waits for. Load them, then call `RawNode.logReadDone()`. */
  readonly logReads: readonly LogRead[];
}

/** How the leader feeds one follower (thesis 10.2.1: probing, then pipelining). */
export const ProgressState = { Probe: 0, Replicate: 1, Snapshot: 2 } as const;
/** One of the values of `ProgressState`. */
export type ProgressState = (typeof ProgressState)[keyof typeof ProgressState];

/** What the leader knows of one member, itself included. A copy: it does not change afterwards. */
export interface PeerProgress {
  /** The highest index known to be durable there. */
  readonly match: LogIndex;
  /** The next index to be sent. */
  readonly next: LogIndex;
  readonly state: ProgressState;
  /** Heard of since the last quorum check. */
  readonly recentActive: boolean;
  readonly isLearner: boolean;
  /** Index of the snapshot under way, 0 when there is none. */
  readonly pendingSnapshot: LogIndex;
  /** Messages with entries that were sent and not acknowledged yet. */
  readonly inflightCount: number;
  readonly inflightFull: boolean;
  /** Nothing more is sent until an answer arrives. */
  readonly paused: boolean;
}

/** The cheap part of a node's status. */
export interface BasicStatus {
  readonly id: RaftId;
  readonly hardState: HardState;
  readonly softState: SoftState;
  /** Everything up to here was reported as applied. */
  readonly applied: LogIndex;
  readonly lead: RaftId;
  /** Whom leadership is being handed to, 0 for nobody. */
  readonly leadTransferee: RaftId;
  readonly config: ConfState;
}

/** All that a node can say about itself, the followers as it sees them included. */
export interface RaftStatus extends BasicStatus {
  /** By member, in ascending order of id; empty unless this node leads. */
  readonly progress: ReadonlyMap<RaftId, PeerProgress>;
}
