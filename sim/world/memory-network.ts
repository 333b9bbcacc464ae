/**
 * A network in memory: hosts with names, links between them that can be cut, slowed down and broken,
 * connections that behave like TCP. `host(name, loop)` is the network as one process of a host sees it.
 *
 * Kernels and cables work on nature's time; what reaches a process comes on that process's own loop.
 * Which truths of TCP are kept is said where they are kept: the stream in memory-pipe.ts, connecting in
 * memory-dial.ts, what links do to both in network-weather.ts. Here are the faults of hosts:
 *
 * - `crash(host)`: its processes died, the kernel lives. It sends what it had taken, then resets; dials
 *   are refused.
 * - `powerOff(host)`: nobody tells anybody; the others wait for their deadlines. After `powerOn` old
 *   connections are answered by a reset when something is written to them.
 * - After either the processes of the host are dead: what they asked for never settles. `host` has to be
 *   asked for anew for the next ones.
 *
 * With a stream of chance the network has weather: latencies with a heavy tail, pieces cut anywhere,
 * losses, kernels that send again at their own pace and give up after a while. Without it everything is
 * plain, and the same for every run: for unit tests, usually on a ManualClock.
 */
import {
  type Address,
  type Connection,
  type Listener,
  type Network,
  NetworkError,
} from '../../src/world/index.ts';
import type { IoLoop } from './event-loop.ts';
import { MemoryConnection } from './memory-connection.ts';
import { MemoryDial } from './memory-dial.ts';
import { MemoryPipe } from './memory-pipe.ts';
import { NetworkProcess } from './network-process.ts';
import { type LinkConditions, type LinkState, NetworkWeather } from './network-weather.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface MemoryNetworkOptions {
  /** What a segment usually takes from host to host. */
  readonly latencyMs?: number;
  /** What it takes at most, by itself. Default: 20 times the usual, without weather just that. */
  readonly latencyMaxMs?: number;
  /** What a kernel takes per connection and direction. */
  readonly kernelBytes?: number;
  /** Largest chunk that arrives at once: 1 gives every byte alone. */
  readonly chunkBytes?: number;
  /** Where the weather comes from; absent: there is none. */
  readonly random?: SeededRandom;
  /** How long a kernel sends again before it ends a connection. Default: 15 s, without weather never. */
  readonly giveUpMs?: number;
}

/** Told each thing that reaches a process: for the fingerprint of a run. */
export type NetworkTrace = (
  kind: string,
  from: string,
  to: string,
  bytes: number,
  sum: number,
) => void;

interface MemoryListener {
  readonly process: NetworkProcess;
  readonly port: number;
  readonly accept: (connection: Connection) => void;
  isClosed: boolean;
}

const FIRST_FREE_PORT = 40_000;
const LATENCY_TAIL = 20;
const GIVE_UP_MS = 15_000;

export class MemoryNetwork {
  /** Where kernels and cables work. */
  readonly clock: IoLoop;
  readonly latencyMs: number;
  readonly kernelBytes: number;
  readonly chunkBytes: number;
  readonly giveUpMs: number | undefined;
  readonly hasWeather: boolean;
  trace: NetworkTrace | undefined;
  readonly #loop: IoLoop;
  readonly #weather: NetworkWeather;
  readonly #listeners = new Map<string, MemoryListener>();
  readonly #refused = new Set<string>();
  readonly #off = new Set<string>();
  readonly #pipes = new Set<MemoryPipe>();
  readonly #processes = new Map<string, NetworkProcess[]>();
  #nextPort = FIRST_FREE_PORT;

  /** `loop`: nature's loop, or a clock that has one; processes without a loop of their own are on it. */
  constructor(loop: IoLoop & { readonly nature?: IoLoop }, options: MemoryNetworkOptions = {}) {
    const { random, latencyMs = 0 } = options;
    this.clock = loop.nature ?? loop;
    this.#loop = loop;
    this.hasWeather = random !== undefined;
    this.latencyMs = latencyMs;
    const tail = this.hasWeather ? LATENCY_TAIL : 1;
    const latencyMaxMs = options.latencyMaxMs ?? latencyMs * tail;
    this.#weather = new NetworkWeather({ latencyMs, latencyMaxMs }, random);
    this.kernelBytes = options.kernelBytes ?? 256 * 1024;
    this.chunkBytes = options.chunkBytes ?? 64 * 1024;
    this.giveUpMs = options.giveUpMs ?? (this.hasWeather ? GIVE_UP_MS : undefined);
  }

  /** As one process sees it, which dies with its loop or with its host. */
  host(name: string, loop: IoLoop = this.#loop): Network {
    const process = new NetworkProcess(name, loop);
    const others = this.#processes.get(name);
    if (others === undefined) this.#processes.set(name, [process]);
    else others.push(process);
    return {
      listen: (address, onConnection) => this.#listen(process, address, onConnection),
      dial: (address, timeoutMs, signal) => this.#dial(process, address, timeoutMs, signal),
    };
  }

  // ---- links ------------------------------------------------------------------------------------

  /** The conditions of one direction, to be read and changed. To end a cut use `uncut` or `heal`. */
  link(from: string, to: string): LinkState {
    return this.#weather.link(from, to);
  }

  /** How long something takes now on that way: for what travels beside connections. */
  sampleLatencyMs(from: string, to: string): number {
    return this.link(from, to).transit();
  }

  /** Every link, also those that are used for the first time later. */
  setAll(changes: Partial<LinkConditions>): void {
    this.#weather.setAll(changes);
    this.#wake();
  }

  /** Nothing arrives at `to` from `from` any more. */
  cut(from: string, to: string): void {
    this.link(from, to).isCut = true;
  }

  cutBoth(a: string, b: string): void {
    this.cut(a, b);
    this.cut(b, a);
  }

  /** That direction works again; what was held back arrives. */
  uncut(from: string, to: string): void {
    this.link(from, to).isCut = false;
    this.#wake();
  }

  /** Both directions work again. */
  heal(a: string, b: string): void {
    this.link(a, b).isCut = false;
    this.link(b, a).isCut = false;
    this.#wake();
  }

  /** Nothing passes between hosts of different groups. Who is in none of them reaches all: a bridge. */
  partition(groups: readonly (readonly string[])[]): void {
    for (const group of groups) {
      for (const other of groups) {
        if (group === other) continue;
        for (const from of group) for (const to of other) this.cut(from, to);
      }
    }
  }

  /** Ends cuts, refusals and all weather that was made: as in the beginning. Hosts that are off stay off. */
  healAll(): void {
    this.#weather.calm();
    this.#refused.clear();
    this.#wake();
  }

  delay(from: string, to: string, extraMs: number): void {
    this.link(from, to).extraMs = extraMs;
  }

  /** Each connection of this direction carries so much and no more. */
  slow(from: string, to: string, bytesPerMs: number | undefined): void {
    this.link(from, to).bytesPerMs = bytesPerMs;
  }

  /** The connections of this direction break after so many more bytes, in the middle of a frame. */
  resetAfter(from: string, to: string, bytes: number): void {
    this.link(from, to).resetAfterBytes = bytes;
  }

  /** Dials of this address are refused although somebody listens there. */
  refuse(host: string, port: number): void {
    this.#refused.add(keyOf(host, port));
  }

  allow(host: string, port: number): void {
    this.#refused.delete(keyOf(host, port));
  }

  /** All connections between the two break; both sides are told. */
  resetAll(a: string, b: string): void {
    for (const pipe of [...this.#pipes]) if (isBetween(pipe, a, b)) pipe.break();
  }

  /** Something between the two breaks their connections, and only `told` hears of it. */
  resetOneSide(told: string, other: string): void {
    for (const pipe of [...this.#pipes]) {
      if (pipe.isLost || pipe.from.host !== other || pipe.to.host !== told) continue;
      pipe.breakForReader();
    }
  }

  // ---- hosts ------------------------------------------------------------------------------------

  /** The processes of a host die: they hear nothing more, and what they ask for never settles. */
  crash(host: string): void {
    this.#endProcesses(host);
    for (const pipe of [...this.#pipes]) {
      if (pipe.from.host === host) pipe.close(new NetworkError('reset', 'the connection broke'));
      if (pipe.to.host === host) pipe.strand();
    }
  }

  powerOff(host: string): void {
    this.#endProcesses(host);
    this.#off.add(host);
    for (const pipe of [...this.#pipes]) {
      if (pipe.from.host === host || pipe.to.host === host) pipe.powerLost(host);
    }
  }

  /** Harmless where the power is on. */
  powerOn(host: string): void {
    if (!this.#off.delete(host)) return;
    for (const pipe of [...this.#pipes]) if (pipe.to.host === host) pipe.powerIsBack();
  }

  /** Whether the host is without power. */
  isDead(host: string): boolean {
    return this.#off.has(host);
  }

  // ---- for observers ----------------------------------------------------------------------------

  /** Connections that are open between two hosts, each counted once. */
  connections(a: string, b: string): number {
    let count = 0;
    for (const pipe of this.#pipes) if (pipe.isOpen && isBetween(pipe, a, b)) count += 1;
    return count / 2;
  }

  /** Ends of connections that processes of the host hold and have not closed. */
  openEnds(host: string): number {
    let count = 0;
    for (const { isOpen, from, writer } of this.#pipes) {
      if (isOpen && from.host === host && writer?.isHeld === true) count += 1;
    }
    return count;
  }

  /** Ports on which the host listens. */
  listeningPorts(host: string): readonly number[] {
    const listeners = [...this.#listeners.values()];
    return listeners.flatMap(({ process, port }) => (process.host === host ? [port] : []));
  }

  // ---- for dials and pipes ----------------------------------------------------------------------

  /** The kernels agree on a connection; `undefined`: it is refused. */
  connect(dialer: NetworkProcess, host: string, port: number): MemoryConnection | undefined {
    const key = keyOf(host, port);
    const listener = this.#refused.has(key) ? undefined : this.#listeners.get(key);
    if (listener === undefined || listener.process.isDead) return undefined;
    const { process } = listener;
    const there = new MemoryPipe(this, dialer, process);
    const back = new MemoryPipe(this, process, dialer);
    there.twin = back;
    back.twin = there;
    this.#pipes.add(there);
    this.#pipes.add(back);
    const acceptor = new MemoryConnection(
      keyOf(dialer.host, this.#nextPort++),
      process,
      back,
      there,
    );
    process.loop.io(0, () => this.#accept(listener, acceptor, there));
    return new MemoryConnection(key, dialer, there, back);
  }

  forget(pipe: MemoryPipe): void {
    this.#pipes.delete(pipe);
  }

  // ---- inside -----------------------------------------------------------------------------------

  #accept(listener: MemoryListener, acceptor: MemoryConnection, into: MemoryPipe): void {
    if (listener.process.isDead) return;
    if (listener.isClosed) {
      into.break();
      return;
    }
    this.trace?.('accepted', into.from.host, into.to.host, 0, 0);
    acceptor.isHeld = true;
    listener.accept(acceptor);
  }

  async #listen(
    process: NetworkProcess,
    address: Address,
    accept: (connection: Connection) => void,
  ): Promise<Listener> {
    if (!process.operation()) return never();
    const { host } = process;
    const port = address.port === 0 ? this.#nextPort++ : address.port;
    const key = keyOf(host, port);
    if (this.#listeners.has(key)) throw new NetworkError('address-in-use', `${key} is in use`);
    const listener: MemoryListener = { process, port, accept, isClosed: false };
    this.#listeners.set(key, listener);
    const close = async (): Promise<void> => {
      if (!process.operation()) return never();
      listener.isClosed = true;
      if (this.#listeners.get(key) === listener) this.#listeners.delete(key);
    };
    return { address: { host, port }, close };
  }

  #dial(
    process: NetworkProcess,
    address: Address,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Connection> {
    if (!process.operation()) return never();
    return new Promise((resolve, reject) => {
      const dial = new MemoryDial(this, process, address, { resolve, reject });
      dial.begin(timeoutMs, signal);
    });
  }

  #endProcesses(host: string): void {
    for (const process of this.#processes.get(host) ?? []) process.end();
    this.#processes.delete(host);
    for (const [key, listener] of this.#listeners) {
      if (listener.process.host === host) this.#listeners.delete(key);
    }
  }

  #wake(): void {
    for (const pipe of [...this.#pipes]) pipe.wake();
  }
}

function isBetween(pipe: MemoryPipe, a: string, b: string): boolean {
  const [from, to] = [pipe.from.host, pipe.to.host];
  return (from === a && to === b) || (from === b && to === a);
}

function never<T>(): Promise<T> {
  return new Promise(() => {});
}

function keyOf(host: string, port: number): string {
  return `${host}:${port}`;
}
