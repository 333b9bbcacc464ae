/** What the parts of a transport share. Made once, by `TcpTransport.start`. */
import type { Clock, Connection, Logger, Network, Random } from '../world/index.ts';
import { Channel } from './channel.ts';
import type { HandshakeParts } from './handshake.ts';
import { type Identity, NONCE_BYTES } from './handshake-codec.ts';
import type { ResolvedOptions } from './options.ts';
import type { LocalPeer, TransportEvents } from './types.ts';

export interface ContextParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly options: ResolvedOptions;
}

export class PeerContext {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly options: ResolvedOptions;
  readonly own: Identity;
  readonly events: TransportEvents;
  /** False: stopped for good. Nothing is delivered any more. */
  isRunning = true;
  /** All connections, of whatever state. */
  readonly channels: Set<Channel> = new Set();
  #onLastClosed: (() => void) | undefined;

  constructor(parts: ContextParts, local: LocalPeer, events: TransportEvents) {
    this.network = parts.network;
    this.clock = parts.clock;
    this.random = parts.random;
    this.logger = parts.logger;
    this.options = parts.options;
    this.events = events;
    this.own = {
      clusterName: local.clusterName,
      clusterId: local.clusterId,
      nodeId: local.nodeId,
      raftId: local.raftId,
      incarnation: local.incarnation,
      address: local.address,
      session: this.nonce(),
    };
  }

  /** Unique, and not to be guessed. */
  nonce(): string {
    return Buffer.from(this.random.bytes(NONCE_BYTES)).toString('hex');
  }

  /** In the turn in which the connection was handed over. */
  open(connection: Connection, onClosed: () => void = () => {}): Channel {
    const channel = new Channel(connection, this.clock, (closed) => {
      this.channels.delete(closed);
      onClosed();
      if (this.channels.size === 0) this.#onLastClosed?.();
    });
    this.channels.add(channel);
    if (!this.isRunning) channel.destroy();
    return channel;
  }

  /** The node is asked before `outlive`: who lost its data is no twin of the one that is connected. */
  handshakeParts(
    outlive: (theirs: Identity) => Promise<void>,
    timeoutMs: number = this.options.handshakeTimeoutMs,
  ): HandshakeParts {
    const { clock, own, events } = this;
    const admit = async (theirs: Identity): Promise<void> => {
      const { raftId, nodeId, incarnation, address } = theirs;
      await events.admit({ raftId, nodeId, incarnation, address });
      await outlive(theirs);
    };
    return { clock, own, timeoutMs, admit };
  }

  /** Runs `action` outside of the present call, unless the transport was stopped meanwhile. */
  defer(action: () => void): void {
    this.clock.afterIo(() => {
      if (this.isRunning) action();
    });
  }

  /** Drops all connections; resolves when they are closed, or after `timeoutMs`. */
  async closeAll(timeoutMs: number): Promise<void> {
    for (const channel of [...this.channels]) channel.destroy();
    if (this.channels.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.clock.after(timeoutMs, resolve);
      this.#onLastClosed = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
