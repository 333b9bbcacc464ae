/**
 * A transport without a network: nodes of one process hand each other their messages. For tests of
 * what is above the transport. Messages arrive after the I/O of the moment, in order; a link can be
 * cut in one direction or both, and then loses what is sent; a node can be taken down, and then its
 * address refuses connections. Two nodes talk once both have admitted each other.
 */
import { ClusterError } from '../../src/errors.ts';
import type { Message, RaftId } from '../../src/raft/index.ts';
import {
  type BulkSink,
  type BulkSource,
  type LocalPeer,
  type Peer,
  type PeerStatus,
  parseAddress,
  type Transport,
  type TransportEvents,
  type UnreachableReason,
} from '../../src/transport/index.ts';
import type { Clock } from '../../src/world/index.ts';

const BULK_CHUNK_BYTES = 64 * 1024;

/** As the real transport names them. */
const REFUSALS: Readonly<Record<string, string>> = {
  MEMBER_WIPED: 'incarnation',
  MEMBER_REMOVED: 'removed',
};

interface Endpoint {
  readonly local: LocalPeer;
  readonly events: TransportEvents;
  readonly isTrusted: boolean;
  /** Whether that node has it as a peer: of others it hears nothing. */
  knows(peer: RaftId): boolean;
}

export class Bus {
  readonly clock: Clock;
  readonly #endpoints = new Map<RaftId, Endpoint>();
  readonly #cuts = new Set<string>();
  /** Pairs of lives that have admitted each other. */
  readonly #pairs = new Map<Endpoint, Set<Endpoint>>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** One that is `trusted` is let in by everybody, unasked: for intruders of tests. */
  transport({ trusted = false }: { trusted?: boolean } = {}): Transport {
    return new BusTransport(this, trusted);
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
    const [one, other] = [this.#endpoints.get(from), this.#endpoints.get(to)];
    if (one === undefined || other === undefined || this.#cuts.has(`${from}>${to}`)) return false;
    return this.#pairs.get(one)?.has(other) === true;
  }

  /** Whether that life of the node is the one on the bus: a process that was killed reaches nobody. */
  isLife(local: LocalPeer): boolean {
    return this.#endpoints.get(local.raftId)?.local === local;
  }

  endpoint(id: RaftId): Endpoint | undefined {
    return this.#endpoints.get(id);
  }

  join(endpoint: Endpoint): void {
    this.#endpoints.set(endpoint.local.raftId, endpoint);
    for (const other of this.#endpoints.values()) {
      if (other !== endpoint) void this.#introduce(endpoint, other);
    }
  }

  /** A node has got another peer, which may have refused to talk to it before. */
  greet(local: LocalPeer, peer: RaftId): void {
    const [one, other] = [this.#endpoints.get(local.raftId), this.#endpoints.get(peer)];
    if (one?.local !== local || other === undefined) return;
    if (this.#pairs.get(one)?.has(other) !== true) void this.#introduce(one, other);
  }

  async #introduce(one: Endpoint, other: Endpoint): Promise<void> {
    if (!one.isTrusted && !other.isTrusted) {
      // No event inside the call that brings them together.
      await new Promise<void>((resolve) => this.clock.soon(resolve));
      if (!this.#areUp(one, other)) return;
      const admitted = await Promise.all([this.#admits(other, one), this.#admits(one, other)]);
      if (admitted.includes(false) || !this.#areUp(one, other)) return;
    }
    for (const [a, b] of [
      [one, other],
      [other, one],
    ] as const) {
      const known = this.#pairs.get(a);
      if (known === undefined) this.#pairs.set(a, new Set([b]));
      else known.add(b);
    }
    const [a, b] = [one.local.raftId, other.local.raftId];
    this.deliver(b, a, ({ events }) => events.connected(b));
    this.deliver(a, b, ({ events }) => events.connected(a));
  }

  async #admits(host: Endpoint, guest: Endpoint): Promise<boolean> {
    const { raftId, nodeId, incarnation, address } = guest.local;
    try {
      await host.events.admit({ raftId, nodeId, incarnation, address });
      return true;
    } catch (error) {
      if (!this.#areUp(host, guest)) return false;
      const refusal = new ClusterError('PEER_REFUSED', String(error), {
        details: {
          by: 'them',
          refusal: REFUSALS[String((error as ClusterError).code)] ?? 'unknown',
        },
      });
      guest.events.unreachable(host.local.raftId, 'rejected', refusal);
      return false;
    }
  }

  #areUp(...all: readonly Endpoint[]): boolean {
    return all.every((endpoint) => this.#endpoints.get(endpoint.local.raftId) === endpoint);
  }

  /**
   * The node (that life of it, if given) is dead for the others: nothing of it passes any more, and its
   * address refuses.
   */
  leave(id: RaftId, life?: LocalPeer): void {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined || (life !== undefined && endpoint.local !== life)) return;
    this.#endpoints.delete(id);
    this.#pairs.delete(endpoint);
    const error = new ClusterError('PEER_REFUSED', `nobody listens for ${id}`);
    for (const other of this.#endpoints.values()) {
      this.clock.soon(() => {
        if (this.#areUp(other) && other.knows(id)) other.events.unreachable(id, 'refused', error);
      });
    }
  }

  /** What that life of `from` sent to `to` did not arrive; it is told, as by a real transport. */
  lost(local: LocalPeer, to: RaftId): void {
    const endpoint = this.#endpoints.get(local.raftId);
    if (endpoint?.local !== local) return;
    const isGone = this.#endpoints.get(to) === undefined;
    const reason: UnreachableReason = isGone ? 'refused' : 'timeout';
    const error = new ClusterError('PEER_REFUSED', `nothing passes from ${local.raftId} to ${to}`);
    this.clock.soon(() => {
      if (this.#areUp(endpoint)) endpoint.events.unreachable(to, reason, error);
    });
  }

  /** That life of `from` has done with `to`, who may call again and is let in or refused. */
  part(local: LocalPeer, to: RaftId): void {
    const [one, other] = [this.#endpoints.get(local.raftId), this.#endpoints.get(to)];
    if (one?.local !== local || other === undefined) return;
    this.#pairs.get(one)?.delete(other);
    if (this.#pairs.get(other)?.delete(one) !== true) return;
    const error = new ClusterError('PEER_REFUSED', `${local.raftId} has closed the connection`);
    this.clock.soon(() => {
      if (!this.#areUp(one, other) || !other.knows(local.raftId)) return;
      other.events.unreachable(local.raftId, 'closed', error);
      void this.#introduce(other, one);
    });
  }

  deliver(from: RaftId, to: RaftId, give: (endpoint: Endpoint) => void): boolean {
    if (!this.reaches(from, to)) return false;
    const endpoint = this.#endpoints.get(to);
    this.clock.soon(() => {
      if (endpoint !== undefined && this.#endpoints.get(to) === endpoint) give(endpoint);
    });
    return true;
  }
}

/** A message, or a frame of the node's own protocols: one order for both. */
type Item = { readonly message: Message } | { readonly kind: number; readonly payload: Uint8Array };

/** Messages that follow one another arrive together. */
function giveAll(from: RaftId, items: readonly Item[], events: TransportEvents): void {
  for (let at = 0; at < items.length; ) {
    const messages: Message[] = [];
    let item = items[at];
    while (item !== undefined && 'message' in item) {
      messages.push(item.message);
      item = items[++at];
    }
    if (messages.length > 0) events.messages(from, messages);
    if (item === undefined || 'message' in item) continue;
    events.frame(from, item.kind, item.payload);
    at += 1;
  }
}

async function copyInto(sink: BulkSink, source: BulkSource): Promise<void> {
  let position = sink.received;
  while (position < source.bytes) {
    const chunk = await source.read(position, BULK_CHUNK_BYTES);
    await sink.write(chunk);
    position += chunk.length;
  }
}

class BusTransport implements Transport {
  readonly boundAddress = 'bus';
  readonly #bus: Bus;
  readonly #isTrusted: boolean;
  readonly #peers = new Map<RaftId, Peer>();
  #local: LocalPeer | undefined;
  #outbox = new Map<RaftId, Item[]>();
  #isFlushDue = false;

  constructor(bus: Bus, isTrusted: boolean) {
    this.#bus = bus;
    this.#isTrusted = isTrusted;
  }

  async start(local: LocalPeer, events: TransportEvents): Promise<void> {
    this.#local = local;
    this.#bus.join({
      local,
      events,
      isTrusted: this.#isTrusted,
      knows: (peer) => this.#peers.has(peer),
    });
  }

  async stop(): Promise<void> {
    if (this.#local !== undefined) this.#bus.leave(this.#local.raftId, this.#local);
    this.#local = undefined;
  }

  addPeer(peer: Peer): void {
    parseAddress(peer.address);
    this.#peers.set(peer.raftId, peer);
    if (this.#local !== undefined) this.#bus.greet(this.#local, peer.raftId);
  }

  removePeer(raftId: RaftId): void {
    this.#peers.delete(raftId);
    if (this.#local !== undefined) this.#bus.part(this.#local, raftId);
  }

  send(message: Message): void {
    this.#queue(message.to, { message });
  }

  sendFrame(to: RaftId, kind: number, payload: readonly Uint8Array[]): boolean {
    this.#check(to);
    if (this.#local === undefined || !this.#bus.isLife(this.#local)) return false;
    this.#queue(to, { kind, payload: Buffer.concat(payload) });
    // Frames are sent outside of turns, too.
    if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      this.#bus.clock.soon(() => {
        this.#isFlushDue = false;
        this.flush();
      });
    }
    return this.#bus.reaches(this.#local.raftId, to);
  }

  flush(): void {
    const outbox = this.#outbox;
    this.#outbox = new Map();
    const local = this.#local;
    if (local === undefined || !this.#bus.isLife(local)) return;
    for (const [to, items] of outbox) {
      const give = ({ events }: Endpoint): void => giveAll(local.raftId, items, events);
      if (!this.#bus.deliver(local.raftId, to, give)) this.#bus.lost(local, to);
    }
  }

  async sendBulk(message: Message, source: BulkSource): Promise<void> {
    this.#check(message.to);
    const from = this.#local?.raftId ?? 0;
    const endpoint = this.#bus.endpoint(message.to);
    if (endpoint === undefined || !this.#bus.reaches(from, message.to)) {
      throw new ClusterError('TRANSFER_FAILED', `peer ${message.to} is away`);
    }
    // No event inside this call.
    await Promise.resolve();
    let sink: BulkSink | undefined;
    try {
      sink = await endpoint.events.bulk(from, message);
      await copyInto(sink, source);
    } catch (error) {
      sink?.abort(error as Error);
      const text = `the transfer to ${message.to} failed: ${String(error)}`;
      throw new ClusterError('TRANSFER_FAILED', text, { cause: error });
    }
    await this.#finish(sink, message.to);
  }

  async #finish(sink: BulkSink, to: RaftId): Promise<void> {
    try {
      await sink.finish();
    } catch (error) {
      const text = `peer ${to} could not finish the transfer: ${String(error)}`;
      throw new ClusterError('TRANSFER_FAILED', text, { cause: error });
    }
  }

  #queue(to: RaftId, item: Item): void {
    this.#check(to);
    const queued = this.#outbox.get(to);
    if (queued === undefined) this.#outbox.set(to, [item]);
    else queued.push(item);
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
