/**
 * Transport: how members of one group reach each other.
 *
 * One connection per pair of peers carries messages both ways; a second one carries bulk (snapshots).
 * The contract stands at the interface `Transport`; `conformance/` holds every transport to it.
 */
import type { Message, RaftId } from '../raft/index.ts';

/** Who this node says it is. Refused by name when it does not fit what the other side knows. */
export interface LocalPeer {
  readonly clusterName: string;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly raftId: RaftId;
  readonly incarnation: string;
  /** `host:port` that others are to dial. */
  readonly address: string;
}

/** A member of the group other than this node. */
export interface Peer {
  readonly raftId: RaftId;
  readonly nodeId: string;
  /** `host:port`; the name is resolved at each dial. */
  readonly address: string;
}

/** Why a peer was reported: `refused` means that its address answers "nobody listens here". */
export type UnreachableReason = 'refused' | 'timeout' | 'closed' | 'rejected' | 'overflow';

/** What lies behind a MsgSnap: the file that its descriptor announces. */
export interface BulkSource {
  readonly bytes: number;
  /** Bytes of the file from `position` on; fewer than `length` only at its end. */
  read(position: number, length: number): Promise<Uint8Array>;
}

/** Where a peer's bulk goes, chunk by chunk; exactly one of `finish` and `abort` ends it. */
export interface BulkSink {
  /** Bytes that are here from an earlier attempt; the sender goes on from there. */
  readonly received: number;
  /**
   * The next bytes. The sender is slowed down to the pace at which it resolves; rejecting ends the
   * transfer.
   */
  write(chunk: Uint8Array): Promise<void>;
  /** All bytes are here: make them durable. The sender is told when it settles, and how. */
  finish(): Promise<void>;
  /** The transfer broke, or was given up. What is here may be kept for the next attempt. */
  abort(reason: Error): void;
}

/**
 * What the transport tells the node. No event runs inside a call, and those of one peer are in
 * order.
 */
export interface TransportEvents {
  /** Messages of one frame, in order. */
  messages(from: RaftId, messages: readonly Message[]): void;
  /** A frame of the node's own protocols. `payload` may be kept. */
  frame(from: RaftId, kind: number, payload: Uint8Array): void;
  /** Messages reach the peer, from here on until `unreachable`. */
  connected(peer: RaftId): void;
  /**
   * What was sent to the peer and not answered may be lost. Told again at each attempt that fails.
   */
  unreachable(peer: RaftId, reason: UnreachableReason, error: Error): void;
  /** A peer wants to send bulk. Reject to refuse it. */
  bulk(from: RaftId, message: Message): Promise<BulkSink>;
  /**
   * Whether a peer's handshake is acceptable beyond cluster and node id; throw to refuse it, the
   * message is told to the other side. What it learns must be durable when it resolves.
   */
  admit(peer: {
    raftId: RaftId;
    nodeId: string;
    incarnation: string;
    address: string;
  }): Promise<void>;
}

/** How it stands with one peer, for people and metrics. */
export interface PeerStatus {
  readonly raftId: RaftId;
  readonly nodeId: string;
  readonly address: string;
  readonly connected: boolean;
  readonly queuedBytes: number;
  readonly sentFrames: number;
  readonly receivedFrames: number;
  readonly droppedFrames: number;
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** Of the last attempt, for people. */
  readonly lastError: string | undefined;
}

/**
 * How members of one group reach each other.
 *
 * - `send` and `sendFrame` never wait and never throw for a peer that is away: what can not be queued
 *   is dropped, counted, and `unreachable` is reported. Only a peer that nobody added is an error.
 * - Appends, proposals and frames of the node arrive at a peer in the order in which they were sent,
 *   each at most once, or not at all; what follows a loss may arrive. Heartbeats, votes, read indexes
 *   and all answers keep an order of their own and may overtake the others.
 * - A heartbeat that still waits is replaced by the next one of its term, unless it confirms reads.
 * - Whatever may have been lost is followed by `unreachable` of that peer: after it, nothing that was
 *   sent before can be counted on.
 * - No event runs inside a call. Events of one peer are in order.
 * - Nothing is delivered before `start` resolved or after `stop` was called.
 */
export interface Transport {
  /** `host:port` that was bound; known after `start`. */
  readonly boundAddress: string;
  /** @throws ADDRESS_IN_USE, ADDRESS_INVALID. */
  start(local: LocalPeer, events: TransportEvents): Promise<void>;
  /** Idempotent, bounded in time. */
  stop(): Promise<void>;
  /** Adding again changes the address. @throws PEER_ADDRESS_INVALID. */
  addPeer(peer: Peer): void;
  /** Unknown ids are fine. */
  removePeer(raftId: RaftId): void;
  /** Queues a message for `message.to`. @throws PEER_UNKNOWN. */
  send(message: Message): void;
  /** Queues a frame of the node's own protocols; false when it was dropped. @throws PEER_UNKNOWN. */
  sendFrame(to: RaftId, kind: number, payload: readonly Uint8Array[]): boolean;
  /** Sends the queued messages of this turn now, one frame per peer. The node calls it at the end of a turn. */
  flush(): void;
  /** Sends `message` (a MsgSnap) once the bytes of `source` are durable on the other side. @throws TRANSFER_FAILED. */
  sendBulk(message: Message, source: BulkSource): Promise<void>;
  /** Of every peer that was added, at this moment. */
  status(): readonly PeerStatus[];
}
