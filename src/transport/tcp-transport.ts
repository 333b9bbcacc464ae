/**
 * Peers over TCP (or whatever ordered byte stream the world's network is). This file ties the parts
 * together; the rules are in them:
 *
 * - remote-peer.ts: who dials, which of two connections stays, backoff and breaker.
 * - link.ts: one established connection: writing, reading, proof of life.
 * - send-queue.ts: two lanes, their bounds, and what may overtake what.
 * - frame.ts, handshake-codec.ts: the bytes. handshake.ts, doorkeeper.ts: strangers.
 * - bulk-*.ts: snapshots on connections of their own.
 *
 * Nothing here waits for a peer: `send` puts a message into a queue, `flush` hands what fits to the
 * kernel, and everything else happens when the network says so (SD-3, S-98). When nobody calls
 * `flush`, it is called when the present event has been handled: a lone acknowledgement waits for nobody.
 */
import { assert, ClusterError } from '../errors.ts';
import { textOf } from '../given.ts';
import { PEERS_NOT_ADDED_MAX, TRANSPORT_STOP_MS_MAX } from '../limits.ts';
import type { Message, RaftId } from '../raft/index.ts';
import {
  type Address,
  type Clock,
  type Listener,
  type Logger,
  type Network,
  NetworkError,
  type Random,
} from '../world/index.ts';
import { formatAddress, parseAddress } from './address.ts';
import { BulkDesk } from './bulk-desk.ts';
import { Doorkeeper } from './doorkeeper.ts';
import { refuse } from './handshake.ts';
import type { Identity } from './handshake-codec.ts';
import { resolveOptions, type TransportOptions } from './options.ts';
import { PeerContext } from './peer-context.ts';
import { RemotePeer } from './remote-peer.ts';
import type {
  BulkSource,
  LocalPeer,
  Peer,
  PeerStatus,
  Transport,
  TransportEvents,
} from './types.ts';

const KIND_MAX = 255;

/** The doors to the world, and where to listen. */
export interface TcpTransportParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Port 0 picks a free one. */
  readonly listen: Address;
  readonly options?: TransportOptions;
}

type Phase = 'new' | 'starting' | 'running' | 'stopped';

/**
 * Peers over TCP: one connection a pair for messages, one for bulk. `Transport` is its contract.
 */
export class TcpTransport implements Transport {
  readonly #parts: TcpTransportParts;
  #phase: Phase = 'new';
  #listener: Listener | undefined;
  #context: PeerContext | undefined;
  #bulk: BulkDesk | undefined;
  /** Settles when `start` has listened, or failed to, and has closed what it must not keep. */
  #starting: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  /** Added before `start`. */
  readonly #early = new Map<RaftId, Peer>();
  readonly #peers = new Map<RaftId, RemotePeer>();
  /** Peers that something was queued for since the last flush. */
  readonly #dirty = new Set<RemotePeer>();
  #isFlushDue = false;

  constructor(parts: TcpTransportParts) {
    this.#parts = parts;
  }

  get boundAddress(): string {
    assert(this.#listener !== undefined, 'the transport has no address before it was started');
    return formatAddress(this.#listener.address);
  }

  async start(local: LocalPeer, events: TransportEvents): Promise<void> {
    assert(this.#phase === 'new', 'a transport can be started once', { phase: this.#phase });
    assert(!this.#early.has(local.raftId), 'a node is no peer of itself', { id: local.raftId });
    this.#phase = 'starting';
    const started = this.#start(local, events);
    this.#starting = started.catch(() => {});
    await started;
  }

  async #start(local: LocalPeer, events: TransportEvents): Promise<void> {
    const { network, clock, random, logger, listen } = this.#parts;
    const options = resolveOptions(this.#parts.options);
    const context = new PeerContext({ network, clock, random, logger, options }, local, events);
    const bulk = new BulkDesk(context);
    const doorkeeper = new Doorkeeper({
      context,
      peerOf: (identity) => this.#peerOf(context, identity),
      release: (peer) => this.#forget(peer),
      bulk: (channel, established) => bulk.accept(channel, established),
    });
    let listener: Listener;
    try {
      listener = await network.listen(listen, (connection) => doorkeeper.receive(connection));
    } catch (error) {
      this.#phase = 'stopped';
      throw listenError(listen, error);
    }
    this.#listener = listener;
    this.#context = context;
    this.#bulk = bulk;
    if (this.#stopping !== undefined) {
      await this.#close(context, bulk, listener);
      throw new ClusterError('NODE_STOPPED', 'the transport was stopped while it was starting');
    }
    this.#phase = 'running';
    for (const peer of this.#early.values()) this.addPeer(peer);
    this.#early.clear();
    logger.info('transport.listening', { address: this.boundAddress });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const [phase, context, bulk, listener] = [
      this.#phase,
      this.#context,
      this.#bulk,
      this.#listener,
    ];
    if (phase === 'starting') {
      // It sees that it is to stop and closes what it has opened; a look-up of its name may hang.
      this.#phase = 'stopped';
      await this.#atMost(this.#starting, TRANSPORT_STOP_MS_MAX);
      return;
    }
    this.#phase = 'stopped';
    if (context === undefined || bulk === undefined || listener === undefined) return;
    await this.#close(context, bulk, listener);
  }

  async #close(context: PeerContext, bulk: BulkDesk, listener: Listener): Promise<void> {
    this.#phase = 'stopped';
    context.isRunning = false;
    bulk.cancelAll(new Error('the transport was stopped'));
    for (const peer of this.#peers.values()) peer.remove();
    this.#peers.clear();
    this.#dirty.clear();
    const closing = listener.close().catch(() => {});
    const connectionsClosed = context.closeAll(TRANSPORT_STOP_MS_MAX);
    await Promise.all([this.#atMost(closing, TRANSPORT_STOP_MS_MAX), connectionsClosed]);
  }

  #atMost(work: Promise<void>, timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#parts.clock.after(timeoutMs, resolve);
      void work.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  addPeer(peer: Peer): void {
    parseAddress(peer.address);
    if (this.#phase === 'stopped') return;
    const context = this.#context;
    if (context === undefined) {
      this.#early.set(peer.raftId, peer);
      return;
    }
    assert(peer.raftId !== context.own.raftId, 'a node is no peer of itself', { id: peer.raftId });
    let known = this.#peers.get(peer.raftId);
    if (known === undefined) {
      known = this.#newPeer(context, peer);
      this.#peers.set(peer.raftId, known);
    }
    known.add(peer);
  }

  removePeer(raftId: RaftId): void {
    this.#early.delete(raftId);
    const peer = this.#peers.get(raftId);
    if (peer === undefined) return;
    this.#peers.delete(raftId);
    this.#dirty.delete(peer);
    this.#bulk?.cancel(raftId, new Error('the peer was removed'));
    peer.remove();
  }

  send(message: Message): void {
    const peer = this.#peerFor(message.to);
    if (peer?.send(message) === true) this.#queued(peer);
  }

  sendFrame(to: RaftId, kind: number, payload: readonly Uint8Array[]): boolean {
    assert(Number.isInteger(kind) && kind >= 0 && kind <= KIND_MAX, 'a kind is a byte', { kind });
    const peer = this.#peerFor(to);
    if (peer === undefined || !peer.sendFrame(kind, payload)) return false;
    this.#queued(peer);
    return true;
  }

  flush(): void {
    for (const peer of this.#dirty) peer.flushFirst();
    for (const peer of this.#dirty) peer.flush();
    this.#dirty.clear();
  }

  async sendBulk(message: Message, source: BulkSource): Promise<void> {
    const peer = this.#peerFor(message.to);
    if (peer === undefined || this.#bulk === undefined) {
      throw new ClusterError('TRANSFER_FAILED', 'the transport is not running');
    }
    await this.#bulk.send(peer, message, source);
  }

  status(): readonly PeerStatus[] {
    const added = [...this.#peers.values()].filter((peer) => peer.isAdded);
    return added.sort((a, b) => a.raftId - b.raftId).map((peer) => peer.status());
  }

  /** `undefined`: not running, so whatever is sent is dropped. @throws PEER_UNKNOWN. */
  #peerFor(raftId: RaftId): RemotePeer | undefined {
    if (this.#phase !== 'running') {
      if (this.#phase === 'stopped' || this.#early.has(raftId)) return undefined;
    }
    const peer = this.#peers.get(raftId);
    if (peer?.isAdded === true) return peer;
    throw new ClusterError(
      'PEER_UNKNOWN',
      `no peer with raft id ${raftId} was added; known are ` +
        `${
          this.status()
            .map((known) => `${known.raftId} (${known.nodeId})`)
            .join(', ') || 'none'
        }`,
      { details: { raftId } },
    );
  }

  #queued(peer: RemotePeer): void {
    this.#dirty.add(peer);
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(() => {
      this.#isFlushDue = false;
      this.flush();
    });
  }

  /** For a connection that came in. @throws Refusal. */
  #peerOf(context: PeerContext, identity: Identity): RemotePeer {
    const { raftId, nodeId } = identity;
    const known = this.#peers.get(raftId);
    if (known !== undefined) return known;
    if (this.#peers.size >= this.status().length + PEERS_NOT_ADDED_MAX) {
      throw refuse('busy', 'too many nodes are connected that are no peers of this one');
    }
    const peer = this.#newPeer(context, { raftId, nodeId });
    this.#peers.set(raftId, peer);
    return peer;
  }

  #newPeer(context: PeerContext, { raftId, nodeId }: Pick<Peer, 'raftId' | 'nodeId'>): RemotePeer {
    return new RemotePeer(context, raftId, nodeId, {
      lost: () => this.#forgetLater(raftId),
      runs: (theirs) => this.#bulk?.keepOnly(theirs),
    });
  }

  #forget(peer: RemotePeer): void {
    if (peer.isForgettable && this.#peers.get(peer.raftId) === peer) {
      this.#peers.delete(peer.raftId);
    }
  }

  /** The connection of a peer was lost; whoever was never added is not kept. */
  #forgetLater(raftId: RaftId): void {
    this.#context?.defer(() => {
      const peer = this.#peers.get(raftId);
      if (peer !== undefined) this.#forget(peer);
    });
  }
}

function listenError(address: Address, error: unknown): ClusterError {
  const isInUse = error instanceof NetworkError && error.fault === 'address-in-use';
  const text = textOf(error);
  return new ClusterError(isInUse ? 'ADDRESS_IN_USE' : 'ADDRESS_INVALID', text, {
    details: { address: formatAddress(address) },
    cause: error,
  });
}
