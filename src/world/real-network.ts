/**
 * TCP through node:net. What this file protects: no error of a connection ends the process, no dial
 * outlives its deadline, and a batch of chunks reaches the kernel as one system call.
 *
 * - Each socket has its `error` listener from the moment that it exists. Node throws an `error` event
 *   that nobody listens to, also one that comes between two turns, before anybody attached.
 * - `noDelay`: a heartbeat must not wait for more bytes to fill a packet. Batching is ours: `cork`,
 *   all chunks, `uncork` gives one `writev`, which the kernel takes at once when it has room.
 * - `write` answers "did the kernel take it all?", and `drain` comes when it has. Node's own `drain`
 *   counts against a high-water mark instead, so the callback of the last chunk is used.
 * - An address is resolved anew at each dial (see resolve-host.ts); its addresses are tried in turn,
 *   each with its share of what is left of the deadline. A refusal goes to the next one at once.
 * - A dial that is called off ends at once: a connecting socket keeps the process alive. Only a name that
 *   is being looked up has to be waited for.
 * - A deadline that comes due is believed only after the I/O that was pending has been delivered: the
 *   timers of a process that was stopped are due before its sockets are looked at, and the peer that
 *   answered meanwhile would be called silent.
 */
import { type AddressInfo, connect, createServer, isIP, type Server, type Socket } from 'node:net';

import { dialFault, dialVerdict, listenFault, socketFault } from './network-faults.ts';
import { type ResolveHost, resolveHost } from './resolve-host.ts';
import {
  type Address,
  type Connection,
  type ConnectionEvents,
  type Listener,
  type Network,
  NetworkError,
} from './types.ts';

/** Connections that wait to be accepted: a whole cluster and its clients may come at once. */
const BACKLOG = 1_024;
/** TCP keep-alive on idle connections, so that a vanished host is noticed below us as well. */
const KEEP_ALIVE_MS = 15_000;

/** Below it, to copy chunks into one costs less than what Node makes of each chunk of a vector. */
const JOINED_BYTES_MAX = 4 * 1_024;

/** How names are resolved. */
export interface RealNetworkOptions {
  /** For tests. */
  readonly resolve?: ResolveHost;
}

/** TCP of the machine. Names are resolved anew at each dial. */
export function realNetwork(options: RealNetworkOptions = {}): Network {
  const resolve = options.resolve ?? resolveHost;
  return {
    listen: (address, onConnection) => listen(address, onConnection, resolve),
    dial: (address, timeoutMs, signal) => dial(address, timeoutMs, resolve, signal),
  };
}

async function listen(
  address: Address,
  onConnection: (connection: Connection) => void,
  resolve: ResolveHost,
): Promise<Listener> {
  let where: { readonly host?: string } = {};
  try {
    // Without a host Node listens on all addresses, of both families where the machine has both.
    const host = address.host === '' ? undefined : (await resolve(address.host))[0];
    if (host !== undefined) where = { host };
  } catch (cause) {
    throw listenFault(address, cause);
  }
  const server = createServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
    (socket) => onConnection(new SocketConnection(socket)),
  );
  await new Promise<void>((done, fail) => {
    server.once('error', (cause) => fail(listenFault(address, cause)));
    try {
      server.listen({ ...where, port: address.port, backlog: BACKLOG, exclusive: true }, done);
    } catch (cause) {
      fail(listenFault(address, cause));
    }
  });
  // Errors of accepting (too many open files) pass: the kernel keeps the caller waiting.
  server.on('error', () => {});
  return new SocketListener(server, address.host);
}

class SocketListener implements Listener {
  readonly address: Address;
  readonly #server: Server;

  constructor(server: Server, host: string) {
    this.#server = server;
    this.address = { host, port: (server.address() as AddressInfo).port };
  }

  /** The server's own callback would wait for every connection that it ever accepted. */
  close(): Promise<void> {
    this.#server.close();
    return new Promise((done) => setImmediate(done));
  }
}

async function dial(
  address: Address,
  timeoutMs: number,
  resolve: ResolveHost,
  signal: AbortSignal | undefined,
): Promise<Connection> {
  const deadlineMs = performance.now() + timeoutMs;
  const hosts = await withDeadline(resolve(address.host), timeoutMs, () => slowNames(address));
  const failures: NetworkError[] = [];
  for (const [position, host] of hosts.entries()) {
    signal?.throwIfAborted();
    const shareMs = (deadlineMs - performance.now()) / (hosts.length - position);
    try {
      return await dialOne(address, host, Math.max(1, shareMs), signal);
    } catch (error) {
      failures.push(error as NetworkError);
    }
  }
  signal?.throwIfAborted();
  throw dialVerdict(failures) ?? new NetworkError('unresolved', `${address.host} has no address`);
}

function slowNames(address: Address): NetworkError {
  return new NetworkError(
    'timeout',
    `can not dial ${address.host}:${address.port}: resolving the name took longer than the ` +
      'deadline; check the name servers of this machine, or use an IP address',
  );
}

function withDeadline<T>(
  work: Promise<T>,
  timeoutMs: number,
  failure: () => NetworkError,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = deadline(timeoutMs, () => reject(failure()));
    work.then(resolve, reject).finally(cancel);
  });
}

/** Answers how to call it off. Two rounds of the loop: see `afterIo` in real-clock.ts. */
function deadline(delayMs: number, expired: () => void): () => void {
  let isCancelled = false;
  const timer = setTimeout(() => {
    setImmediate(() => {
      setImmediate(() => {
        if (!isCancelled) expired();
      });
    });
  }, Math.ceil(delayMs));
  return () => {
    isCancelled = true;
    clearTimeout(timer);
  };
}

function dialOne(
  address: Address,
  host: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let socket: Socket;
    try {
      socket = connect({
        host,
        port: address.port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_MS,
        autoSelectFamily: false,
      });
    } catch (cause) {
      reject(dialFault(address, host, cause));
      return;
    }
    const giveUp = (reason: unknown): void => {
      settled();
      socket.destroy();
      reject(reason);
    };
    const cancel = deadline(timeoutMs, () =>
      giveUp(dialFault(address, host, { code: 'ETIMEDOUT', timeoutMs })),
    );
    const calledOff = (): void => giveUp(signal?.reason);
    signal?.addEventListener('abort', calledOff);
    const settled = (): void => {
      cancel();
      signal?.removeEventListener('abort', calledOff);
    };
    const refused = (cause: Error): void => {
      settled();
      reject(dialFault(address, host, cause));
    };
    // Stays: an error after the deadline must find a listener too.
    socket.on('error', refused);
    socket.once('connect', () => {
      settled();
      const connection = new SocketConnection(socket);
      socket.removeListener('error', refused);
      resolve(connection);
    });
  });
}

class SocketConnection implements Connection {
  readonly remote: string;
  readonly #socket: Socket;
  #events: ConnectionEvents | undefined;
  #failure: NetworkError | undefined;
  #isClosed = false;
  #owesDrain = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.remote = nameOf(socket.remoteAddress, socket.remotePort);
    socket.on('error', (cause) => {
      this.#failure ??= socketFault(this.remote, cause);
    });
    socket.on('close', () => {
      this.#isClosed = true;
      this.#events?.close(this.#failure);
    });
  }

  attach(events: ConnectionEvents): void {
    if (this.#events !== undefined) throw new Error(`${this.remote} was attached twice`);
    this.#events = events;
    if (this.#isClosed) setImmediate(() => events.close(this.#failure));
    else this.#socket.on('data', (chunk: Uint8Array) => events.data(chunk));
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    if (!socket.writable) return false;
    if (chunks.length === 1) socket.write(chunks[0]!, this.#taken);
    else if (isWorthCopying(chunks)) socket.write(Buffer.concat(chunks), this.#taken);
    else this.#writeVector(chunks);
    if (socket.writableLength === 0) return true;
    this.#owesDrain = true;
    return false;
  }

  #writeVector(chunks: readonly Uint8Array[]): void {
    const socket = this.#socket;
    const lastAt = chunks.length - 1;
    socket.cork();
    for (let at = 0; at < lastAt; at++) socket.write(chunks[at]!);
    if (lastAt >= 0) socket.write(chunks[lastAt]!, this.#taken);
    socket.uncork();
  }

  readonly #taken = (): void => {
    if (!this.#owesDrain || this.#isClosed || this.#socket.writableLength > 0) return;
    this.#owesDrain = false;
    this.#events?.drain();
  };

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function isWorthCopying(chunks: readonly Uint8Array[]): boolean {
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.length;
  return bytes <= JOINED_BYTES_MAX;
}

function nameOf(host: string | undefined, port: number | undefined): string {
  if (host === undefined || port === undefined) return 'a closed connection';
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
