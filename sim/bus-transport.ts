/**
 * A transport without a network: nodes of one process hand each other their messages. For tests of
 * what is above the transport. Messages arrive after the I/O of the moment, in order; a link can be
 * cut in one direction or both, and then loses what is sent; a node can be taken down, and then its
 * address refuses connections.
 */
import { ClusterError } from '../src/errors.ts';
import type { Message, RaftId } from '../src/raft/index.ts';
import type {
  BulkSource,
  LocalPeer,
  Peer,
  PeerStatus,
  Transport,
  TransportEvents,
} from '../src/transport/index.ts';
import type { Clock } from '../src/world/index.ts';

const BULK_CHUNK_BYTES = 64 * 1024;

interface Endpoint {
  readonly local: LocalPeer;
  readonly events: TransportEvents;
}

export class Bus {
  readonly #clock: Clock;
  readonly #endpoints = new Map<RaftId, Endpoint>();
  readonly #cuts = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  transport(): Transport {
    return new BusTransport(this);
  }

  cut(from: RaftId, to: RaftId): void {
    this.#cuts.add(`${from}>${to}`);
  }

  /** Nothing passes between the node and anybody else. */
  isolate(id: RaftId): void {
    for (const other of this.#endpoints.keys()) {
      this.cut(id, other);
      this.cut(other, id);
    }
  }

  heal(): void {
    this.#cuts.clear();
  }

  reaches(from: RaftId, to: RaftId): boolean {
    const bothAreUp = this.#endpoints.has(from) && this.#endpoints.has(to);
    return bothAreUp && !this.#cuts.has(`${from}>${to}`);
  }

  /** Whether that life of the node is the one on the bus: a process that was killed reaches nobody. */
  isLife(local: LocalPeer): boolean {
    return this.#endpoints.get(local.raftId)?.local === local;
  }

  endpoint(id: RaftId): Endpoint | undefined {
    return this.#endpoints.get(id);
  }

  join(endpoint: Endpoint): void {
    const { raftId } = endpoint.local;
    this.#endpoints.set(raftId, endpoint);
    for (const [id, other] of this.#endpoints) {
      if (id === raftId) continue;
      this.deliver(id, raftId, ({ events }) => events.connected(id));
      this.deliver(raftId, id, () => other.events.connected(raftId));
    }
  }

  /** The node (that life of it, if given) is dead for the others: nothing of it passes any more, and its address refuses. */
  leave(id: RaftId, life?: LocalPeer): void {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined || (life !== undefined && endpoint.local !== life)) return;
    this.#endpoints.delete(id);
    const error = new ClusterError('PEER_REFUSED', `nobody listens for ${id}`);
    for (const other of this.#endpoints.values()) {
      this.#clock.afterIo(() => other.events.unreachable(id, 'refused', error));
    }
  }

  deliver(from: RaftId, to: RaftId, give: (endpoint: Endpoint) => void): boolean {
    if (!this.reaches(from, to)) return false;
    const endpoint = this.#endpoints.get(to);
    this.#clock.afterIo(() => {
      if (endpoint !== undefined && this.#endpoints.get(to) === endpoint) give(endpoint);
    });
    return true;
  }
}

class BusTransport implements Transport {
  readonly boundAddress = 'bus';
  readonly #bus: Bus;
  readonly #peers = new Map<RaftId, Peer>();
  #local: LocalPeer | undefined;
  #outbox = new Map<RaftId, Message[]>();

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  async start(local: LocalPeer, events: TransportEvents): Promise<void> {
    this.#local = local;
    this.#bus.join({ local, events });
  }

  async stop(): Promise<void> {
    if (this.#local !== undefined) this.#bus.leave(this.#local.raftId, this.#local);
    this.#local = undefined;
  }

  addPeer(peer: Peer): void {
    this.#peers.set(peer.raftId, peer);
  }

  removePeer(raftId: RaftId): void {
    this.#peers.delete(raftId);
  }

  send(message: Message): void {
    this.#check(message.to);
    const queued = this.#outbox.get(message.to);
    if (queued === undefined) this.#outbox.set(message.to, [message]);
    else queued.push(message);
  }

  sendFrame(to: RaftId, kind: number, payload: readonly Uint8Array[]): boolean {
    this.#check(to);
    if (this.#local === undefined || !this.#bus.isLife(this.#local)) return false;
    const from = this.#local.raftId;
    const bytes = Buffer.concat(payload);
    return this.#bus.deliver(from, to, ({ events }) => events.frame(from, kind, bytes));
  }

  flush(): void {
    const outbox = this.#outbox;
    this.#outbox = new Map();
    if (this.#local === undefined || !this.#bus.isLife(this.#local)) return;
    const from = this.#local.raftId;
    for (const [to, messages] of outbox) {
      this.#bus.deliver(from, to, ({ events }) => events.messages(from, messages));
    }
  }

  async sendBulk(message: Message, source: BulkSource): Promise<void> {
    this.#check(message.to);
    const from = this.#local?.raftId ?? 0;
    const endpoint = this.#bus.endpoint(message.to);
    if (endpoint === undefined || !this.#bus.reaches(from, message.to)) {
      throw new ClusterError('TRANSFER_FAILED', `peer ${message.to} is away`);
    }
    const sink = await endpoint.events.bulk(from, message);
    let position = sink.received;
    while (position < source.bytes) {
      const chunk = await source.read(position, BULK_CHUNK_BYTES);
      await sink.write(chunk);
      position += chunk.length;
    }
    await sink.finish();
  }

  status(): readonly PeerStatus[] {
    const from = this.#local?.raftId ?? 0;
    return [...this.#peers.values()].map((peer) => ({
      ...peer,
      connected: this.#bus.reaches(from, peer.raftId) && this.#bus.reaches(peer.raftId, from),
      queuedBytes: 0,
      sentFrames: 0,
      receivedFrames: 0,
      droppedFrames: 0,
      breaker: 'closed',
      lastError: undefined,
    }));
  }

  #check(to: RaftId): void {
    if (this.#peers.has(to)) return;
    throw new ClusterError('PEER_UNKNOWN', `no peer ${to} was added`);
  }
}
