/**
 * The node's side of the transport: whom it knows, and what follows when a peer comes, goes or refuses.
 * The transport knows the members of the replicated state, those of them that leave, and those who came and
 * may be members that the log has not named here yet (admission.ts). Where the configuration gives the
 * address of one that was there when the node started, that is taken instead: it is newer than what the
 * log said then. What the log says while the node runs is newer than the configuration.
 */
import { ClusterError } from '../errors.ts';
import type { RaftId } from '../raft/index.ts';
import type { Transport, UnreachableReason } from '../transport/index.ts';
import type { Clock, Logger, Timer } from '../world/index.ts';
import type { Admission } from './admission.ts';
import { refusalMeaning } from './complaints.ts';
import type { RaftNodeConfig } from './config.ts';
import type { LeaderCalls } from './leader-calls.ts';
import type { MemberRecord, MemberTable } from './members.ts';
import type { Proposals } from './proposals.ts';
import type { Succession } from './succession.ts';

/** A peer that is no member any more is talked to for that long, in ms: it is on its way out itself. */
const LEAVING_MS = 100;

export interface NeighboursHost {
  readonly clock: Clock;
  readonly self: RaftId;
  readonly config: RaftNodeConfig;
  readonly members: MemberTable;
  readonly admission: Admission;
  readonly transport: Transport;
  readonly proposals: Proposals;
  readonly leaderCalls: LeaderCalls;
  readonly succession: Succession;
  readonly logger: Logger;
  reportUnreachable(peer: RaftId): void;
  /** What a peer that has just come should hear. */
  greet(peer: RaftId): void;
  takesPart(): boolean;
  fail(error: ClusterError): void;
}

export class Neighbours {
  readonly #host: NeighboursHost;
  /** Who refuses this node by name and for good, and why. */
  readonly #refusedBy = new Map<RaftId, ClusterError>();
  /** Peers that are no members any more, and are talked to for a moment longer. */
  readonly #leaving = new Map<RaftId, Timer>();
  /** Members that were there at the start. */
  #atStart: ReadonlySet<RaftId> | undefined;
  /** Addresses of the log that nobody can dial; each was complained of once. */
  readonly #unusable = new Map<RaftId, string>();

  constructor(host: NeighboursHost) {
    this.#host = host;
  }

  /** The members are others now, or are known for the first time. */
  sync(): void {
    const { self, config, members, admission, transport } = this.#host;
    admission.settle();
    const configured = new Map(config.cluster.members.map((m) => [m.nodeId, m.address]));
    const records = members.contacts();
    const present = new Set(records.map(({ raftId }) => raftId));
    this.#atStart ??= present;
    for (const { raftId } of transport.status()) {
      if (!present.has(raftId)) this.#partLater(raftId);
      else if (admission.expel(raftId)) transport.removePeer(raftId);
    }
    for (const { raftId, nodeId, address } of records) {
      if (raftId === self) continue;
      const given = this.#atStart.has(raftId) ? configured.get(nodeId) : undefined;
      if (given !== undefined) transport.addPeer({ raftId, nodeId, address: given });
      else this.#addFromLog({ raftId, nodeId, address });
    }
  }

  /** What it has answered already may still arrive: what is lost after that is lost. */
  #partLater(raftId: RaftId): void {
    if (this.#leaving.has(raftId)) return;
    const { clock, members, admission, transport, proposals, leaderCalls } = this.#host;
    const timer = clock.after(LEAVING_MS, () => {
      this.#leaving.delete(raftId);
      const isConnected = transport.status().some((it) => it.raftId === raftId && it.connected);
      if (!isConnected) admission.forget(raftId);
      if (members.contacts().some((contact) => contact.raftId === raftId)) return;
      transport.removePeer(raftId);
      proposals.forwarded.peerLost(raftId);
      leaderCalls.peerLost(raftId);
    });
    this.#leaving.set(raftId, timer);
  }

  stop(): void {
    for (const timer of this.#leaving.values()) timer.cancel();
    this.#leaving.clear();
  }

  /** What was committed can not be corrected by the one who reads it, and must not stop the node. */
  #addFromLog(peer: MemberRecord): void {
    try {
      this.#host.transport.addPeer(peer);
    } catch (error) {
      if (!(error instanceof ClusterError) || error.code !== 'PEER_ADDRESS_INVALID') throw error;
      if (this.#unusable.get(peer.raftId) === peer.address) return;
      this.#unusable.set(peer.raftId, peer.address);
      this.#host.logger.error('peer.addressInvalid', { ...peer, error: error.message });
    }
  }

  connected(peer: RaftId): void {
    this.#refusedBy.delete(peer);
    this.#host.greet(peer);
  }

  unreachable(peer: RaftId, reason: UnreachableReason): void {
    const { admission, proposals, leaderCalls, succession } = this.#host;
    this.#host.reportUnreachable(peer);
    if (admission.isGuest(peer)) this.#partLater(peer);
    if (reason !== 'overflow') {
      proposals.forwarded.peerLost(peer);
      leaderCalls.peerLost(peer);
    }
    if (reason === 'refused') succession.refused(peer);
  }

  /** A peer refuses this node. It may say so only once, and before the node takes part. */
  refused(peer: RaftId, error: Error): void {
    const code = refusalMeaning(error);
    if (code === undefined) return;
    this.#refusedBy.set(peer, new ClusterError(code, error.message));
    if (this.#host.takesPart()) this.weighRefusals();
  }

  /**
   * When a majority refuses this node by name, it has no place in the cluster any more; for
   * one that joins, a majority of those whom it knows. One that has read of its own removal believes the
   * first who says so.
   *
   * Of two processes with this node's identity each has this node's vote. So it is enough that those who
   * hold to the other one are a majority together with it: then it can lead, or decide, without this
   * one. Whoever is reached holds to one of the two, so one of them ends, whoever is reached by whom.
   */
  weighRefusals(): void {
    const { self, members } = this.#host;
    const known = members.isEmpty
      ? members.contacts().map(({ raftId }) => raftId)
      : members.confState.voters;
    const others = known.filter((id) => id !== self);
    const refusals = others.flatMap((id) => this.#refusedBy.get(id) ?? []);
    if (members.leavingOf(self) !== undefined) {
      const told = [...this.#refusedBy.values()].find(({ code }) => code === 'MEMBER_REMOVED');
      if (told !== undefined) this.#host.fail(told);
    }
    const error = refusals.at(-1);
    if (error !== undefined && refusals.length * 2 > others.length) this.#host.fail(error);
    const twins = refusals.filter(({ code }) => code === 'MEMBER_TWIN');
    const twin = twins.at(-1);
    if (twin !== undefined && (twins.length + 1) * 2 > others.length + 1) this.#host.fail(twin);
  }
}
