/**
 * The binary door: accepts clients' connections and bounds how many there are. What a connection does is
 * in `client-connection.ts`; the bytes are in `protocol/frames.ts`.
 *
 * Stopping: no new connections, no new requests; what is in flight is answered within
 * DOOR_DRAIN_MS_MAX; then the connections are cut.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Api } from '../api/index.ts';
import { ClusterError } from '../errors.ts';
import { CLIENT_CONNECTIONS_MAX, DOOR_DRAIN_MS_MAX } from '../limits.ts';
import { encodeWelcome } from '../protocol/index.ts';
import type { Logger } from '../world/index.ts';
import { ClientConnection } from './client-connection.ts';
import { type DoorAddress, listen } from './listen.ts';

/** A client whose machine vanished is found out by the kernel. */
const KEEP_ALIVE_MS = 30_000;

export interface ClientServerOptions {
  readonly api: Api;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly logger: Logger;
  readonly connectionsMax?: number;
  readonly drainMs?: number;
  readonly stallMs?: number;
}

export class ClientServer {
  readonly #options: ClientServerOptions;
  readonly #connections: Set<ClientConnection> = new Set();
  readonly #server: Server;
  #address: DoorAddress | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: ClientServerOptions) {
    this.#options = options;
    // Half-open stays off: a client that ended its side has gone, and wants no answers any more.
    const tcp = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
    this.#server = createServer(tcp, (socket) => this.#accept(socket));
  }

  /** Known after `start`. */
  get address(): DoorAddress | undefined {
    return this.#address;
  }

  /** @throws ADDRESS_IN_USE, ADDRESS_INVALID. */
  async start(): Promise<void> {
    const { host, port, logger } = this.#options;
    this.#address = await listen(this.#server, { host, port }, 'client');
    this.#server.on('error', (error) => {
      logger.warn('client.accept.failed', { message: error.message });
    });
    logger.info('client.listening', { ...this.#address });
  }

  /** Idempotent, bounded in time. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
    const drains = [...this.#connections].map((connection) => connection.drain());
    const cut = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, this.#options.drainMs ?? DOOR_DRAIN_MS_MAX);
    await Promise.all(drains);
    await closed;
    clearTimeout(cut);
  }

  #accept(socket: Socket): void {
    const { api, logger, stallMs, connectionsMax = CLIENT_CONNECTIONS_MAX } = this.#options;
    if (this.#stopped !== undefined || this.#connections.size >= connectionsMax) {
      const error =
        this.#stopped === undefined
          ? new ClusterError(
              'OVERLOADED',
              `node ${api.nodeId} has ${connectionsMax} client connections already; ` +
                'share a client between calls, or use another node',
            )
          : new ClusterError('NODE_STOPPED', `node ${api.nodeId} is stopping`);
      socket.on('error', () => socket.destroy());
      socket.resume();
      socket.end(encodeWelcome(0, { error }));
      socket.setTimeout(DOOR_DRAIN_MS_MAX, () => socket.destroy());
      return;
    }
    const connection = new ClientConnection({ api, logger, socket, ...(stallMs && { stallMs }) });
    this.#connections.add(connection);
    connection.closed.then(() => this.#connections.delete(connection));
  }
}
