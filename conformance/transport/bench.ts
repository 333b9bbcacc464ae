/**
 * What a case of the transport suite works with: stations, which are transports whose events are all
 * written down, with what was wrong about their moment; and numbered messages and frames.
 */
import {
  EntryType,
  type Message,
  MessageType,
  makeMessage,
  type RaftId,
} from '../../src/raft/index.ts';
import type {
  BulkSink,
  BulkSource,
  LocalPeer,
  Peer,
  PeerStatus,
  Transport,
  TransportEvents,
} from '../../src/transport/index.ts';
import { begun, type Checks, giveBack, nextTurn, pollUntil } from '../kit/index.ts';
import { checkNode, type TransportNet, type TransportRig } from './rig.ts';

const PATIENCE_MS_DEFAULT = 20_000;

/** What arrived: a message (by its index) or a frame (by the number in it). */
export interface Arrival {
  readonly from: RaftId;
  readonly kind: 'message' | 'frame';
  readonly number: number;
  readonly message?: Message;
}

export interface Told {
  readonly what: 'connected' | 'unreachable';
  readonly peer: RaftId;
  /** Position among everything that happened in the case. */
  readonly at: number;
  readonly reason?: string;
  readonly error?: Error;
}

export interface StationOptions {
  readonly local?: Partial<LocalPeer>;
  readonly admit?: TransportEvents['admit'];
  readonly bulk?: TransportEvents['bulk'];
}

const refuseBulk = (): Promise<BulkSink> => Promise.reject(new Error('no transfer is expected'));

/** One life of one node. */
export class Station {
  readonly raftId: RaftId;
  readonly address: string;
  readonly arrivals: Arrival[] = [];
  readonly told: Told[] = [];
  readonly frames: { readonly kind: number; readonly payload: Uint8Array }[] = [];
  /** Events at a moment at which there must be none, in words. */
  readonly insideCalls: string[] = [];
  readonly beforeStart: string[] = [];
  readonly afterStop: string[] = [];
  readonly #transport: Transport;
  readonly #bench: TransportBench;
  readonly #options: StationOptions;
  #phase: 'new' | 'running' | 'stopped' = 'new';

  constructor(
    raftId: RaftId,
    node: { readonly transport: Transport; readonly address: string },
    bench: TransportBench,
    options: StationOptions,
  ) {
    this.raftId = raftId;
    this.address = node.address;
    this.#transport = node.transport;
    this.#bench = bench;
    this.#options = options;
  }

  get peer(): Peer {
    return { raftId: this.raftId, nodeId: `n${this.raftId}`, address: this.address };
  }

  /** Of what arrived, the numbers. */
  get numbers(): number[] {
    return this.arrivals.map(({ number }) => number);
  }

  start(): Promise<void> {
    return begun(() => this.#start());
  }

  async #start(): Promise<void> {
    const local: LocalPeer = {
      clusterName: 'conformance',
      clusterId: '00112233445566778899aabbccddeeff',
      nodeId: `n${this.raftId}`,
      raftId: this.raftId,
      incarnation: `00000000000000${String(this.raftId).padStart(2, '0')}`,
      address: this.address,
      ...this.#options.local,
    };
    const started = this.#bench.inCall(() => this.#transport.start(local, this.#events()));
    await started.then(() => {
      if (this.#phase === 'new') this.#phase = 'running';
    });
  }

  /** Begun, not awaited: many cases go on while it stops. */
  stop(): Promise<void> {
    // Counts from the call on, not from the end of it.
    this.#phase = 'stopped';
    return begun(() => this.#bench.inCall(() => this.#transport.stop()));
  }

  add(other: Station): void {
    this.#bench.inCall(() => this.#transport.addPeer(other.peer));
  }

  addPeer(peer: Peer): void {
    this.#bench.inCall(() => this.#transport.addPeer(peer));
  }

  remove(raftId: RaftId): void {
    this.#bench.inCall(() => this.#transport.removePeer(raftId));
  }

  send(message: Message): void {
    this.#bench.inCall(() => this.#transport.send(message));
  }

  sendFrame(to: RaftId, kind: number, payload: readonly Uint8Array[]): boolean {
    return this.#bench.inCall(() => this.#transport.sendFrame(to, kind, payload));
  }

  /** An append with that number, now. */
  append(to: RaftId, number: number): void {
    this.send(append(this.raftId, to, number));
  }

  /** A frame with that number. */
  frame(to: RaftId, number: number): boolean {
    return this.sendFrame(to, 200, [
      Buffer.from(`${number}:`),
      Buffer.from('x'.repeat(number % 50)),
    ]);
  }

  flush(): void {
    this.#bench.inCall(() => this.#transport.flush());
  }

  sendBulk(message: Message, source: BulkSource): Promise<void> {
    return begun(() => this.#bench.inCall(() => this.#transport.sendBulk(message, source)));
  }

  status(): readonly PeerStatus[] {
    return this.#bench.inCall(() => this.#transport.status());
  }

  isConnectedTo(raftId: RaftId): boolean {
    return this.status().some((peer) => peer.raftId === raftId && peer.connected);
  }

  toldOf(what: Told['what'], raftId: RaftId): Told[] {
    return this.told.filter((told) => told.what === what && told.peer === raftId);
  }

  #events(): TransportEvents {
    const tell = (told: Omit<Told, 'at'>): void => {
      this.#note(`${told.what} ${told.peer}`);
      this.told.push({ ...told, at: this.#bench.step() });
    };
    return {
      messages: (from, messages) => {
        this.#note(`messages of ${from}`);
        for (const message of messages) {
          this.arrivals.push({ from, kind: 'message', number: message.index, message });
        }
      },
      frame: (from, kind, payload) => {
        this.#note(`a frame of ${from}`);
        const number = Number.parseInt(Buffer.from(payload).toString(), 10);
        this.frames.push({ kind, payload });
        this.arrivals.push({ from, kind: 'frame', number });
      },
      connected: (peer) => tell({ what: 'connected', peer }),
      unreachable: (peer, reason, error) => tell({ what: 'unreachable', peer, reason, error }),
      bulk: (from, message) => {
        this.#note(`bulk of ${from}`);
        return (this.#options.bulk ?? refuseBulk)(from, message);
      },
      admit: async (peer) => {
        this.#note(`admit ${peer.raftId}`);
        await this.#options.admit?.(peer);
      },
    };
  }

  #note(event: string): void {
    if (this.#bench.isInCall) this.insideCalls.push(event);
    if (this.#phase === 'new') this.beforeStart.push(event);
    if (this.#phase === 'stopped') this.afterStop.push(event);
  }
}

export class TransportBench {
  readonly #net: TransportNet;
  readonly #stations: Station[] = [];
  readonly patienceMs: number;
  #callDepth = 0;
  #steps = 0;

  constructor(net: TransportNet, rig: TransportRig) {
    this.#net = net;
    this.patienceMs = rig.patienceMs ?? PATIENCE_MS_DEFAULT;
  }

  get net(): TransportNet {
    return this.#net;
  }

  /** A call into some transport is on the stack at this moment. */
  get isInCall(): boolean {
    return this.#callDepth > 0;
  }

  inCall<T>(call: () => T): T {
    this.#callDepth += 1;
    try {
      return call();
    } finally {
      this.#callDepth -= 1;
    }
  }

  step(): number {
    return ++this.#steps;
  }

  async station(raftId: RaftId, options: StationOptions = {}): Promise<Station> {
    const node = await this.#net.node(raftId);
    checkNode(node);
    const station = new Station(raftId, node, this, options);
    this.#stations.push(station);
    return station;
  }

  async started(raftId: RaftId, options: StationOptions = {}): Promise<Station> {
    const station = await this.station(raftId, options);
    await this.settled(station.start());
    return station;
  }

  /** Nodes 1 and 2, connected with each other. */
  async pair(
    checks: Checks,
    options: { readonly first?: StationOptions; readonly second?: StationOptions } = {},
  ): Promise<[Station, Station]> {
    const a = await this.started(1, options.first);
    const b = await this.started(2, options.second);
    a.add(b);
    b.add(a);
    await this.reach(checks, 'two nodes that know each other connect', () => {
      return a.isConnectedTo(2) && b.isConnectedTo(1);
    });
    return [a, b];
  }

  async until(isReached: () => boolean, withinMs: number = this.patienceMs): Promise<boolean> {
    const { until = pollUntil } = this.#net;
    return await until(isReached, withinMs);
  }

  /** It must come true. `found` says what is there instead. */
  async reach(
    checks: Checks,
    clause: string,
    isReached: () => boolean,
    found: () => unknown = () => 'it did not come true',
  ): Promise<void> {
    checks.current = clause;
    const isSo = await this.until(isReached);
    checks.holds(clause, isSo, `within ${this.patienceMs} ms`, isSo ? '' : found());
  }

  /** Everything that is under way has happened; nothing more is expected. */
  async quiet(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) {
      await nextTurn();
      await this.until(() => false, 5);
    }
  }

  /** Waits for a promise on the net's own clock. Rejects as it does, or when it takes too long. */
  async settled<T>(work: Promise<T>): Promise<T> {
    let isSettled = false;
    const mark = (): void => {
      isSettled = true;
    };
    work.then(mark, mark);
    if (await this.until(() => isSettled)) return await work;
    throw new Error(`still pending after ${this.patienceMs} ms`);
  }

  /** Lets appends go from one to another until one with a new number has arrived. */
  async sendUntilHeard(checks: Checks, from: Station, to: Station, first: number): Promise<number> {
    let number = first;
    let lastSentMs = 0;
    await this.reach(checks, 'messages arrive again', () => {
      if (to.arrivals.some((arrival) => arrival.number >= first)) return true;
      // Not in every look: what can not be sent is dropped, and a queue has an end.
      lastSentMs += 1;
      if (lastSentMs % 5 !== 0) return false;
      from.append(to.raftId, number++);
      from.flush();
      return false;
    });
    return number;
  }

  async close(): Promise<void> {
    const steps = this.#stations.map((station) => () => this.settled(station.stop()));
    await giveBack([...steps, () => this.#net.close?.()], this.patienceMs);
  }
}

/** An append with a number that can be recognised, and some bytes. */
export function append(from: RaftId, to: RaftId, number: number, bytes = 20): Message {
  const data = Buffer.alloc(bytes, `message ${number} `);
  const entries = [{ term: 3, index: number + 1, type: EntryType.Normal, data }];
  return makeMessage({ type: MessageType.App, from, to, term: 3, index: number, entries });
}

/** Announces a transfer. */
export function snapshotMessage(from: RaftId, to: RaftId): Message {
  const confState = {
    voters: [1, 2],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  const metadata = { index: 7, term: 3, confState };
  const snapshot = { metadata, data: Buffer.from('what the file is') };
  return makeMessage({ type: MessageType.Snap, from, to, term: 3, snapshot });
}

/** A file for a transfer: bytes that differ from place to place. */
export function bulkBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 4) bytes.writeUInt32LE(at & ~3, Math.min(at, length - 4));
  return bytes;
}

export function sourceOf(bytes: Buffer, reads: number[] = []): BulkSource {
  return {
    bytes: bytes.length,
    read: async (position, length) => {
      reads.push(position);
      return bytes.subarray(position, position + length);
    },
  };
}

/** Keeps what arrives, and how it ended. */
export class CollectingSink implements BulkSink {
  readonly received: number;
  readonly chunks: Uint8Array[] = [];
  ended: 'no' | 'finished' | 'aborted' = 'no';
  #onFinish: () => Promise<void>;

  constructor(received = 0, onFinish: () => Promise<void> = async () => {}) {
    this.received = received;
    this.#onFinish = onFinish;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.chunks.push(Uint8Array.from(chunk));
  }

  async finish(): Promise<void> {
    await this.#onFinish();
    this.ended = 'finished';
  }

  abort(): void {
    this.ended = 'aborted';
  }
}
