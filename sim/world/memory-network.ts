/**
 * A network in memory, driven by a ManualClock: hosts with names, links between them that can be cut,
 * slowed down and broken, connections with a kernel's buffer of their own.
 *
 * How it behaves like TCP, and where faults come in:
 * - Bytes of one direction arrive in order. On a cut link nothing arrives, neither bytes nor the news
 *   that a connection was closed; when the link is healed, what was held back arrives (TCP sends
 *   again). A dial over a cut link is repeated after 1, 3 and 7 s, until its deadline.
 * - A sender's kernel takes `kernelBytes`; what is beyond waits in its process (`queuedBytes`) and goes
 *   on as bytes arrive. A receiver that is paused stops the sender in the same way.
 * - `crash(host)`: the process died, the kernel lives. Its connections break, dials are refused.
 *   `powerOff(host)`: nobody tells anybody; the others wait for their deadlines.
 *   `host` has to be asked for anew for the next life of its processes.
 * - `resetAfter(from, to, bytes)`: the connections of a link break after so many more bytes, wherever
 *   in a frame that is.
 *
 * `host(name)` is the network as the processes of one host see it. Deterministic: no randomness, and
 * everything happens on the clock.
 */
import {
  type Address,
  type Connection,
  type ConnectionEvents,
  type Listener,
  type Network,
  NetworkError,
} from '../../src/world/index.ts';
import type { ManualClock } from './manual-clock.ts';

export interface MemoryNetworkOptions {
  readonly latencyMs?: number;
  /** What a kernel takes per connection and direction. */
  readonly kernelBytes?: number;
  /** Largest chunk that arrives at once: 1 gives every byte alone. */
  readonly chunkBytes?: number;
}

/** One direction between two hosts. */
export interface LinkState {
  isCut: boolean;
  extraMs: number;
  resetAfterBytes: number | undefined;
  /** What a connection carries in a millisecond; absent: everything at once. */
  bytesPerMs: number | undefined;
}

interface MemoryListener {
  readonly host: string;
  readonly port: number;
  readonly accept: (connection: Connection) => void;
}

/** A kernel knocks again when nothing answers. */
const DIAL_RETRIES_MS: readonly number[] = [0, 1_000, 3_000, 7_000];
const FIRST_FREE_PORT = 40_000;

export class MemoryNetwork {
  readonly clock: ManualClock;
  readonly latencyMs: number;
  readonly kernelBytes: number;
  readonly chunkBytes: number;
  readonly #links = new Map<string, LinkState>();
  readonly #listeners = new Map<string, MemoryListener>();
  readonly #refused = new Set<string>();
  readonly #dead = new Set<string>();
  readonly #pipes = new Set<Pipe>();
  /** How often the processes of a host died. */
  readonly #lives = new Map<string, number>();
  #nextPort = FIRST_FREE_PORT;

  constructor(clock: ManualClock, options: MemoryNetworkOptions = {}) {
    this.clock = clock;
    this.latencyMs = options.latencyMs ?? 0;
    this.kernelBytes = options.kernelBytes ?? 256 * 1024;
    this.chunkBytes = options.chunkBytes ?? 64 * 1024;
  }

  host(name: string): Network {
    const life = this.#lives.get(name) ?? 0;
    const isDead = (): boolean => (this.#lives.get(name) ?? 0) !== life;
    return {
      listen: (address, onConnection) =>
        isDead() ? never() : this.#listen(name, address, onConnection),
      dial: (address, timeoutMs) =>
        isDead() ? never() : this.#dial(name, address, timeoutMs, isDead),
    };
  }

  /** Nothing arrives at `to` from `from` any more. */
  cut(from: string, to: string): void {
    this.link(from, to).isCut = true;
  }

  cutBoth(a: string, b: string): void {
    this.cut(a, b);
    this.cut(b, a);
  }

  /** Both directions work again; what was held back arrives. */
  heal(a: string, b: string): void {
    this.link(a, b).isCut = false;
    this.link(b, a).isCut = false;
    for (const pipe of this.#pipes) pipe.wake();
  }

  delay(from: string, to: string, extraMs: number): void {
    this.link(from, to).extraMs = extraMs;
  }

  /** Each connection of this direction carries so much and no more. */
  slow(from: string, to: string, bytesPerMs: number | undefined): void {
    this.link(from, to).bytesPerMs = bytesPerMs;
  }

  /** Dials of this address are refused although somebody listens there. */
  refuse(host: string, port: number): void {
    this.#refused.add(keyOf(host, port));
  }

  allow(host: string, port: number): void {
    this.#refused.delete(keyOf(host, port));
  }

  resetAfter(from: string, to: string, bytes: number): void {
    this.link(from, to).resetAfterBytes = bytes;
  }

  /** All connections between the two break; both sides are told. */
  resetAll(a: string, b: string): void {
    for (const pipe of [...this.#pipes]) {
      const isBetween = (pipe.from === a && pipe.to === b) || (pipe.from === b && pipe.to === a);
      if (isBetween) pipe.break();
    }
  }

  /** Something between the two breaks their connections, and only `told` hears of it. */
  resetOneSide(told: string, other: string): void {
    for (const pipe of [...this.#pipes]) {
      if (pipe.isLost || pipe.from !== other || pipe.to !== told) continue;
      const { reader, twin } = pipe;
      pipe.isLost = true;
      if (twin !== undefined) twin.isLost = true;
      this.clock.io(0, () => reader?.closed(new NetworkError('reset', 'the connection broke')));
    }
  }

  /** The processes of a host die: they hear nothing more, and what they ask for never settles. */
  crash(host: string): void {
    this.#kill(host);
    for (const pipe of [...this.#pipes]) if (pipe.from === host || pipe.to === host) pipe.break();
  }

  #kill(host: string): void {
    this.#lives.set(host, (this.#lives.get(host) ?? 0) + 1);
    this.#closeListeners(host);
    for (const pipe of this.#pipes) if (pipe.to === host) pipe.reader = undefined;
  }

  powerOff(host: string): void {
    this.#kill(host);
    this.#dead.add(host);
    for (const pipe of [...this.#pipes]) {
      if (pipe.from !== host && pipe.to !== host) continue;
      pipe.isLost = true;
    }
  }

  powerOn(host: string): void {
    this.#dead.delete(host);
  }

  /** Connections that are open between two hosts, each counted once. */
  connections(a: string, b: string): number {
    let count = 0;
    for (const pipe of this.#pipes) {
      if (pipe.isLost || pipe.isEnded) continue;
      if ((pipe.from === a && pipe.to === b) || (pipe.from === b && pipe.to === a)) count += 1;
    }
    return count / 2;
  }

  link(from: string, to: string): LinkState {
    const key = `${from}>${to}`;
    let state = this.#links.get(key);
    if (state === undefined) {
      state = { isCut: false, extraMs: 0, resetAfterBytes: undefined, bytesPerMs: undefined };
      this.#links.set(key, state);
    }
    return state;
  }

  forget(pipe: Pipe): void {
    this.#pipes.delete(pipe);
  }

  isDead(host: string): boolean {
    return this.#dead.has(host);
  }

  async #listen(
    host: string,
    address: Address,
    accept: (connection: Connection) => void,
  ): Promise<Listener> {
    const port = address.port === 0 ? this.#nextPort++ : address.port;
    const key = keyOf(host, port);
    if (this.#listeners.has(key)) {
      throw new NetworkError('address-in-use', `${key} is in use`);
    }
    const listener: MemoryListener = { host, port, accept };
    this.#listeners.set(key, listener);
    return {
      address: { host, port },
      close: async () => {
        if (this.#listeners.get(key) === listener) this.#listeners.delete(key);
      },
    };
  }

  #closeListeners(host: string): void {
    for (const [key, listener] of this.#listeners) {
      if (listener.host === host) this.#listeners.delete(key);
    }
  }

  #dial(
    from: string,
    address: Address,
    timeoutMs: number,
    isDead: () => boolean,
  ): Promise<Connection> {
    const to = address.host;
    const where = keyOf(to, address.port);
    return new Promise((resolve, reject) => {
      let isOver = false;
      const finish = (action: () => void): void => {
        if (isOver) return;
        isOver = true;
        deadline.cancel();
        if (isDead()) return;
        action();
      };
      // Like the real one: what came in while the process was stopped is looked at first.
      const deadline = this.clock.after(timeoutMs, () => {
        this.clock.afterIo(() => {
          finish(() => reject(new NetworkError('timeout', `${where} did not answer`)));
        });
      });
      const knock = (): void => {
        if (isOver || isDead() || this.#isSilent(from, to)) return;
        const key = keyOf(to, address.port);
        const listener = this.#refused.has(key) ? undefined : this.#listeners.get(key);
        const connection = listener === undefined ? undefined : this.#connect(from, listener);
        this.clock.io(this.#oneWayMs(to, from), () => {
          if (isOver || isDead() || this.#isSilent(to, from)) {
            connection?.destroy();
            return;
          }
          finish(() => {
            if (connection !== undefined) resolve(connection);
            else reject(new NetworkError('refused', `${where}: nothing listens there`));
          });
        });
      };
      for (const retryMs of DIAL_RETRIES_MS) {
        if (retryMs < timeoutMs) this.clock.io(retryMs + this.#oneWayMs(from, to), knock);
      }
    });
  }

  /** A crossing that is cut, or a host that is off: no answer at all. */
  #isSilent(from: string, to: string): boolean {
    const isCut = this.link(from, to).isCut || this.link(to, from).isCut;
    return isCut || this.#dead.has(from) || this.#dead.has(to);
  }

  #oneWayMs(from: string, to: string): number {
    return this.latencyMs + this.link(from, to).extraMs;
  }

  #connect(from: string, listener: MemoryListener): Connection {
    const there = new Pipe(this, from, listener.host);
    const back = new Pipe(this, listener.host, from);
    there.twin = back;
    back.twin = there;
    this.#pipes.add(there);
    this.#pipes.add(back);
    const dialer = new MemoryConnection(`${listener.host}:${listener.port}`, there, back);
    const acceptor = new MemoryConnection(`${from}:${this.#nextPort++}`, back, there);
    listener.accept(acceptor);
    return dialer;
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => {});
}

function keyOf(host: string, port: number): string {
  return `${host}:${port}`;
}

/** One direction of a connection: what its kernels hold. */
export class Pipe {
  readonly from: string;
  readonly to: string;
  twin: Pipe | undefined;
  /** The end that reads, once it has attached. */
  reader: MemoryConnection | undefined;
  writer: MemoryConnection | undefined;
  /** A host lost its power: nothing comes out of it, ever. */
  isLost = false;
  isEnded = false;
  isPaused = false;
  /** The writer has closed its end; said after the last byte. */
  #isClosing = false;
  readonly network: MemoryNetwork;
  #chunks: { readonly bytes: Uint8Array; readonly readyMs: number }[] = [];
  #bytes = 0;
  #isScheduled = false;
  /** When the line has carried what was given to it last. */
  #freeMs = 0;

  constructor(network: MemoryNetwork, from: string, to: string) {
    this.network = network;
    this.from = from;
    this.to = to;
  }

  /** Beyond what the kernel holds. */
  get overflowBytes(): number {
    return Math.max(0, this.#bytes - this.network.kernelBytes);
  }

  push(chunk: Uint8Array): void {
    if (this.isEnded || this.#isClosing || chunk.length === 0) return;
    const network = this.network;
    const readyMs = network.clock.now() + network.latencyMs + this.#link.extraMs;
    for (let start = 0; start < chunk.length; start += network.chunkBytes) {
      // A copy: what arrives elsewhere never shares memory with what was sent.
      const bytes = Uint8Array.from(chunk.subarray(start, start + network.chunkBytes));
      this.#chunks.push({ bytes, readyMs });
    }
    this.#bytes += chunk.length;
    this.wake();
  }

  close(): void {
    this.#isClosing = true;
    this.wake();
  }

  /** Both ends are told, as far as they can be. */
  break(): void {
    const error = new NetworkError('reset', 'the connection broke');
    for (const pipe of [this, this.twin]) {
      if (pipe === undefined || pipe.isEnded) continue;
      pipe.isEnded = true;
      pipe.#chunks = [];
      this.network.forget(pipe);
      this.network.clock.io(0, () => pipe.reader?.closed(error));
    }
  }

  wake(): void {
    if (this.#isScheduled || this.isEnded || this.#isBlocked) return;
    const first = this.#chunks[0];
    if (first === undefined && !this.#isClosing) return;
    const delayMs = first === undefined ? this.network.latencyMs : 0;
    const arrivalMs = first?.readyMs ?? this.network.clock.now() + delayMs;
    const readyMs = Math.max(arrivalMs, this.#freeMs);
    this.#isScheduled = true;
    this.network.clock.io(readyMs - this.network.clock.now(), () => {
      this.#isScheduled = false;
      if (!this.#isBlocked && !this.isEnded) this.#deliver();
    });
  }

  get #link(): LinkState {
    return this.network.link(this.from, this.to);
  }

  get #isBlocked(): boolean {
    if (this.isPaused || this.isLost || this.reader === undefined) return true;
    return this.#link.isCut || this.network.isDead(this.from) || this.network.isDead(this.to);
  }

  #deliver(): void {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) {
      if (this.#isClosing) this.#endInOrder();
      return;
    }
    const link = this.#link;
    if (link.bytesPerMs !== undefined) {
      this.#freeMs = this.network.clock.now() + chunk.bytes.length / link.bytesPerMs;
    }
    let bytes = chunk.bytes;
    if (link.resetAfterBytes !== undefined) {
      const left = link.resetAfterBytes;
      link.resetAfterBytes = left - bytes.length;
      if (left < bytes.length) {
        link.resetAfterBytes = undefined;
        bytes = bytes.subarray(0, left);
        this.#give(bytes, chunk.bytes.length);
        this.break();
        return;
      }
    }
    this.#give(bytes, chunk.bytes.length);
    this.wake();
  }

  #give(bytes: Uint8Array, taken: number): void {
    this.#bytes -= taken;
    if (bytes.length > 0) this.reader?.received(bytes);
    if (this.#bytes <= this.network.kernelBytes) this.writer?.drained();
  }

  #endInOrder(): void {
    this.isEnded = true;
    this.network.forget(this);
    this.reader?.closed(undefined);
  }
}

class MemoryConnection implements Connection {
  readonly remote: string;
  readonly #out: Pipe;
  readonly #in: Pipe;
  #events: ConnectionEvents | undefined;
  #owesDrain = false;
  #isClosed = false;

  constructor(remote: string, out: Pipe, into: Pipe) {
    this.remote = remote;
    this.#out = out;
    this.#in = into;
    out.writer = this;
  }

  attach(events: ConnectionEvents): void {
    if (this.#events !== undefined) throw new Error(`${this.remote} was attached twice`);
    this.#events = events;
    this.#in.reader = this;
    this.#in.wake();
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.#isClosed) return false;
    for (const chunk of chunks) this.#out.push(chunk);
    if (this.#out.overflowBytes === 0) return true;
    this.#owesDrain = true;
    return false;
  }

  get queuedBytes(): number {
    return this.#isClosed ? 0 : this.#out.overflowBytes;
  }

  pause(): void {
    this.#in.isPaused = true;
  }

  resume(): void {
    this.#in.isPaused = false;
    this.#in.wake();
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#out.close();
    this.#in.isEnded = true;
    const { network } = this.#in;
    network.forget(this.#in);
    network.clock.io(0, () => this.#events?.close());
  }

  received(bytes: Uint8Array): void {
    if (!this.#isClosed) this.#events?.data(bytes);
  }

  drained(): void {
    if (!this.#owesDrain || this.#isClosed) return;
    this.#owesDrain = false;
    this.#events?.drain();
  }

  closed(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#out.close();
    this.#events?.close(error);
  }
}
