/**
 * Nodes over a transport of one's own: here a MessageChannel for each pair of nodes in one process. It
 * keeps the whole contract of `Transport`, and shows so with the suite of quorate/conformance.
 *
 * What is in it is what every transport needs: a way to connect and to be connected to, a handshake that
 * tells strangers from members, one ordered stream for messages and frames, a report when something
 * may have been lost, and transfers that are acknowledged. What is not in it, because nothing in one
 * process needs it: waiting between dials, and proof of life on a silent connection.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { ClusterError, simpleMachine, toText } from 'quorate';
import { runConformance, transportConformance } from 'quorate/conformance';
import { defaultConfig, RaftNode } from 'quorate/consensus';
import { decodeMessage, encodeMessage, type Message, type RaftId } from 'quorate/raft';
import { MemoryStorage } from 'quorate/storage';
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
} from 'quorate/transport';
import { nullLogger, realWorld } from 'quorate/world';

/** What waits for a peer that is being connected to; beyond it the peer counts as unreachable. */
const QUEUE_ITEMS_MAX = 10_000;
const CHUNK_BYTES = 64 * 1024;

/** A message (encoded), or a frame of a kind. */
interface Item {
  readonly kind: number | 'message';
  readonly bytes: Uint8Array;
}

/** What one side asks of the other during a transfer. */
type Question =
  | { readonly op: 'open'; readonly message: Uint8Array }
  | { readonly op: 'write'; readonly chunk: Uint8Array }
  | { readonly op: 'finish' }
  | { readonly op: 'abort'; readonly reason: string };

/** Everything that goes through a channel. */
type Wire =
  | { readonly type: 'hello'; readonly peer: LocalPeer }
  | { readonly type: 'welcome' }
  | { readonly type: 'refuse'; readonly reason: string }
  | { readonly type: 'items'; readonly items: readonly Item[] }
  | { readonly type: 'ask'; readonly id: number; readonly question: Question }
  | { readonly type: 'answer'; readonly id: number; readonly value: number }
  | { readonly type: 'error'; readonly id: number; readonly reason: string };

/** Who listens where: the network of this process. */
class Exchange {
  readonly #listeners = new Map<string, (from: string, port: MessagePort) => void>();

  listen(address: string, accept: (from: string, port: MessagePort) => void): void {
    this.#listeners.set(address, accept);
  }

  close(address: string): void {
    this.#listeners.delete(address);
  }

  /** `undefined`: nobody listens there. */
  dial(from: string, to: string): MessagePort | undefined {
    const accept = this.#listeners.get(to);
    if (accept === undefined) return undefined;
    const { port1, port2 } = new MessageChannel();
    accept(from, port2);
    return port1;
  }
}

interface Link {
  readonly port: MessagePort;
  /** Known once the other side has said hello and was admitted. */
  peer: LocalPeer | undefined;
  isWelcome: boolean;
  hasAdmitted: boolean;
  refusal: string | undefined;
  sink: BulkSink | undefined;
  readonly asked: Map<number, { resolve(value: number): void; reject(error: Error): void }>;
}

/** From `start` to `stop`. */
interface Running {
  readonly local: LocalPeer;
  readonly events: TransportEvents;
}

class ChannelTransport implements Transport {
  readonly boundAddress: string;
  readonly #exchange: Exchange;
  readonly #peers = new Map<RaftId, Peer>();
  /** By the address of the other side: between two addresses there is one link. */
  readonly #links = new Map<string, Link>();
  readonly #queues = new Map<RaftId, Item[]>();
  #running: Running | undefined;
  #questions = 0;

  constructor(exchange: Exchange, address: string) {
    this.#exchange = exchange;
    this.boundAddress = address;
  }

  async start(local: LocalPeer, events: TransportEvents): Promise<void> {
    this.#running = { local, events };
    this.#exchange.listen(this.boundAddress, (from, port) => this.#attach(from, port));
    for (const peer of this.#peers.values()) this.#linkTo(peer);
  }

  async stop(): Promise<void> {
    this.#running = undefined;
    this.#exchange.close(this.boundAddress);
    for (const { port } of this.#links.values()) port.close();
    this.#links.clear();
  }

  addPeer(peer: Peer): void {
    parseAddress(peer.address);
    this.#peers.set(peer.raftId, peer);
    this.#linkTo(peer);
  }

  removePeer(raftId: RaftId): void {
    const peer = this.#peers.get(raftId);
    this.#peers.delete(raftId);
    this.#queues.delete(raftId);
    if (peer !== undefined) this.#links.get(peer.address)?.port.close();
  }

  send(message: Message): void {
    this.#queue(message.to, { kind: 'message', bytes: encodeMessage(message) });
  }

  sendFrame(to: RaftId, kind: number, payload: readonly Uint8Array[]): boolean {
    return this.#queue(to, { kind, bytes: Uint8Array.from(Buffer.concat(payload)) });
  }

  flush(): void {
    for (const raftId of this.#queues.keys()) {
      const peer = this.#peers.get(raftId);
      if (peer !== undefined) this.#flushTo(peer);
    }
  }

  async sendBulk(message: Message, source: BulkSource): Promise<void> {
    const peer = this.#peerOf(message.to);
    const link = this.#links.get(peer.address);
    try {
      if (link === undefined || !isOpen(link)) throw new Error('the peer is away');
      let position = await this.#ask(link, { op: 'open', message: encodeMessage(message) });
      try {
        while (position < source.bytes) {
          const chunk = await source.read(position, CHUNK_BYTES);
          await this.#ask(link, { op: 'write', chunk: Uint8Array.from(chunk) });
          position += chunk.length;
        }
      } catch (error) {
        await this.#ask(link, { op: 'abort', reason: String(error) });
        throw error;
      }
      await this.#ask(link, { op: 'finish' });
    } catch (error) {
      const text = `the transfer to ${peer.nodeId} failed: ${(error as Error).message}`;
      throw new ClusterError('TRANSFER_FAILED', text, { cause: error });
    }
  }

  status(): readonly PeerStatus[] {
    return [...this.#peers.values()].map((peer) => {
      const link = this.#links.get(peer.address);
      return {
        ...peer,
        connected: link !== undefined && isOpen(link),
        queuedBytes: 0,
        sentFrames: 0,
        receivedFrames: 0,
        droppedFrames: 0,
        breaker: 'closed',
        lastError: link?.refusal,
      };
    });
  }

  // ---- sending ----------------------------------------------------------------------------------

  #peerOf(raftId: RaftId): Peer {
    const peer = this.#peers.get(raftId);
    if (peer !== undefined) return peer;
    throw new ClusterError('PEER_UNKNOWN', `no peer with raft id ${raftId} was added`);
  }

  #queue(to: RaftId, item: Item): boolean {
    const peer = this.#peerOf(to);
    if (this.#running === undefined) return false;
    const queue = this.#queues.get(to) ?? [];
    this.#queues.set(to, queue);
    if (queue.push(item) <= QUEUE_ITEMS_MAX) return true;
    this.#drop(peer, 'overflow', new Error(`more than ${QUEUE_ITEMS_MAX} messages wait`));
    return false;
  }

  #flushTo(peer: Peer): void {
    const link = this.#linkTo(peer);
    const items = this.#queues.get(peer.raftId);
    if (link === undefined || !isOpen(link) || items === undefined) return;
    this.#queues.delete(peer.raftId);
    link.port.postMessage({ type: 'items', items } satisfies Wire);
  }

  /** What waits is lost, and it is said so; later, because no event runs inside a call. */
  #drop(peer: Peer, reason: UnreachableReason, error: Error): void {
    this.#queues.delete(peer.raftId);
    setImmediate(() => this.#running?.events.unreachable(peer.raftId, reason, error));
  }

  // ---- links ------------------------------------------------------------------------------------

  #linkTo(peer: Peer): Link | undefined {
    if (this.#running === undefined) return undefined;
    const known = this.#links.get(peer.address);
    if (known !== undefined) return known;
    const port = this.#exchange.dial(this.boundAddress, peer.address);
    if (port !== undefined) return this.#attach(peer.address, port);
    this.#drop(peer, 'refused', new Error(`nobody listens at ${peer.address}`));
    return undefined;
  }

  #attach(address: string, port: MessagePort): Link | undefined {
    const running = this.#running;
    if (running === undefined) return undefined;
    const link: Link = {
      port,
      peer: undefined,
      isWelcome: false,
      hasAdmitted: false,
      refusal: undefined,
      sink: undefined,
      asked: new Map(),
    };
    this.#links.get(address)?.port.close();
    this.#links.set(address, link);
    port.on('message', (wire: Wire) => {
      if (this.#running === running) this.#received(link, wire, running);
    });
    port.on('close', () => {
      if (this.#running === running) this.#closed(address, link, running.events);
    });
    port.postMessage({ type: 'hello', peer: running.local } satisfies Wire);
    return link;
  }

  #closed(address: string, link: Link, events: TransportEvents): void {
    if (this.#links.get(address) === link) this.#links.delete(address);
    const error = new Error(link.refusal ?? 'the channel was closed');
    for (const { reject } of link.asked.values()) reject(error);
    link.sink?.abort(error);
    const peer = [...this.#peers.values()].find((one) => one.address === address);
    if (peer === undefined) return;
    this.#queues.delete(peer.raftId);
    events.unreachable(peer.raftId, link.refusal === undefined ? 'closed' : 'rejected', error);
  }

  #received(link: Link, wire: Wire, running: Running): void {
    const { local, events } = running;
    if (wire.type === 'hello') void this.#admit(link, wire.peer, local, events);
    else if (wire.type === 'welcome') this.#welcomed(link, events);
    else if (wire.type === 'refuse') {
      link.refusal = wire.reason;
      link.port.close();
    } else if (wire.type === 'items' && link.peer !== undefined) {
      this.#deliver(link.peer.raftId, wire.items, events);
    } else if (wire.type === 'ask') void this.#answer(link, wire.id, wire.question, events);
    else if (wire.type === 'answer') link.asked.get(wire.id)?.resolve(wire.value);
    else if (wire.type === 'error') link.asked.get(wire.id)?.reject(new Error(wire.reason));
  }

  async #admit(
    link: Link,
    peer: LocalPeer,
    local: LocalPeer,
    events: TransportEvents,
  ): Promise<void> {
    try {
      if (peer.clusterId !== local.clusterId) {
        throw new Error(`${local.nodeId} belongs to another cluster, ${local.clusterName}`);
      }
      await events.admit(peer);
      link.peer = peer;
      link.hasAdmitted = true;
      link.port.postMessage({ type: 'welcome' } satisfies Wire);
      if (link.isWelcome) this.#connected(link, events);
    } catch (error) {
      const reason = (error as Error).message;
      link.refusal ??= `refused by ${local.nodeId}: ${reason}`;
      // The other side closes: what is posted before a close could be lost with it.
      link.port.postMessage({ type: 'refuse', reason: link.refusal } satisfies Wire);
    }
  }

  #welcomed(link: Link, events: TransportEvents): void {
    link.isWelcome = true;
    if (link.hasAdmitted) this.#connected(link, events);
  }

  #connected(link: Link, events: TransportEvents): void {
    if (link.peer === undefined || this.#running?.events !== events) return;
    const peer = this.#peers.get(link.peer.raftId);
    events.connected(link.peer.raftId);
    if (peer !== undefined) this.#flushTo(peer);
  }

  #deliver(from: RaftId, items: readonly Item[], events: TransportEvents): void {
    let messages: Message[] = [];
    const hand = (): void => {
      if (messages.length > 0) events.messages(from, messages);
      messages = [];
    };
    for (const { kind, bytes } of items) {
      if (kind === 'message') {
        messages.push(decodeMessage(bytes));
        continue;
      }
      hand();
      events.frame(from, kind, bytes);
    }
    hand();
  }

  // ---- transfers --------------------------------------------------------------------------------

  #ask(link: Link, question: Question): Promise<number> {
    const id = ++this.#questions;
    return new Promise((resolve, reject) => {
      link.asked.set(id, { resolve, reject });
      link.port.postMessage({ type: 'ask', id, question } satisfies Wire);
    });
  }

  async #answer(
    link: Link,
    id: number,
    question: Question,
    events: TransportEvents,
  ): Promise<void> {
    try {
      const value = await this.#perform(link, question, events);
      link.port.postMessage({ type: 'answer', id, value } satisfies Wire);
    } catch (error) {
      const reason = (error as Error).message;
      link.port.postMessage({ type: 'error', id, reason } satisfies Wire);
    }
  }

  async #perform(link: Link, question: Question, events: TransportEvents): Promise<number> {
    if (question.op === 'open') {
      link.sink = await events.bulk(link.peer?.raftId ?? 0, decodeMessage(question.message));
      return link.sink.received;
    }
    const { sink } = link;
    if (sink === undefined) throw new Error('no transfer was opened');
    if (question.op === 'write') await sink.write(question.chunk);
    else {
      link.sink = undefined;
      if (question.op === 'finish') await sink.finish();
      else sink.abort(new Error(question.reason));
    }
    return 0;
  }
}

function isOpen(link: Link): boolean {
  return link.isWelcome && link.hasAdmitted;
}

// ---- three nodes over it ------------------------------------------------------------------------

const exchange = new Exchange();
const world = realWorld({ logger: nullLogger });
const members = ['a', 'b', 'c'].map((nodeId) => ({ nodeId, address: `${nodeId}:1` }));
const sums = new Map(members.map(({ nodeId }) => [nodeId, 0]));
const nodes = members.map(({ nodeId, address }) => {
  const set = (sum: number): Buffer => Buffer.from(`${sums.set(nodeId, sum).get(nodeId)}`);
  const machine = simpleMachine({
    apply: (command) => set((sums.get(nodeId) ?? 0) + Number(toText(command))),
    snapshot: () => Buffer.from(`${sums.get(nodeId)}`),
    restore: (state) => void set(Number(toText(state))),
  });
  const transport = new ChannelTransport(exchange, address);
  // In memory, because this example is about the transport: it forgets everything at its end.
  const storage = new MemoryStorage();
  const config = { ...defaultConfig(), nodeId, cluster: { name: 'own-transport', members } };
  return new RaftNode(config, { world, storage, transport, machine });
});
await Promise.all(nodes.map((node) => node.start()));
for (const node of nodes) await node.propose(Buffer.from('7'));
for (const node of nodes) {
  await node.readIndex();
  console.log(`${node.nodeId} has ${sums.get(node.nodeId)}`);
}
await Promise.all(nodes.map((node) => node.stop()));

// ---- and what it promises -----------------------------------------------------------------------

const cases = transportConformance({
  offers: ['handshake', 'move'],
  net: () => {
    const ownExchange = new Exchange();
    const moves = new Map<RaftId, number>();
    return {
      node: (id) => {
        const address = `n${id}:${moves.get(id) ?? 1}`;
        return { address, transport: new ChannelTransport(ownExchange, address) };
      },
      move: (id) => void moves.set(id, 2),
    };
  },
});
const { passed, failed, skipped } = await runConformance(cases, {
  onResult: ({ status, failure }) => {
    if (status === 'failed') console.log(failure?.message);
  },
});
console.log(`transport: ${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 ? 0 : 1;
