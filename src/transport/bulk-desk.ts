/**
 * All bulk transfers of a node: at most one to each peer and one from each peer at a time. Each has a
 * connection of its own, dialed by the sender and closed at the end. A newer transfer from a peer
 * takes the place of the older one, which its sender can only have given up.
 */
import { ClusterError } from '../errors.ts';
import { textOf } from '../given.ts';
import type { Message, RaftId } from '../raft/index.ts';
import { BulkReceiver } from './bulk-receiver.ts';
import { BulkSender } from './bulk-sender.ts';
import { BulkWire } from './bulk-wire.ts';
import type { Channel } from './channel.ts';
import { dialHandshake, type Established } from './handshake.ts';
import type { Identity } from './handshake-codec.ts';
import type { PeerContext } from './peer-context.ts';
import type { RemotePeer } from './remote-peer.ts';
import type { BulkSource } from './types.ts';

/** A transfer that we send. */
interface Outgoing {
  channel: Channel | undefined;
  /** The process that it goes to, once that is known. */
  session: string | undefined;
  readonly calledOff: AbortController;
  /** Ends the caller's wait. */
  reject: (error: Error) => void;
}

/** A transfer that comes in, and from which process. */
interface Incoming {
  readonly receiver: BulkReceiver;
  readonly session: string;
}

export class BulkDesk {
  readonly #context: PeerContext;
  readonly #outgoing = new Map<RaftId, Outgoing>();
  readonly #incoming = new Map<RaftId, Incoming>();

  constructor(context: PeerContext) {
    this.#context = context;
  }

  /** @throws ClusterError TRANSFER_FAILED. */
  async send(peer: RemotePeer, message: Message, source: BulkSource): Promise<void> {
    if (this.#outgoing.has(peer.raftId)) {
      throw failed(peer, new Error('another transfer to the same node is running'));
    }
    const calledOff = new AbortController();
    const outgoing: Outgoing = {
      channel: undefined,
      session: undefined,
      calledOff,
      reject: () => {},
    };
    this.#outgoing.set(peer.raftId, outgoing);
    const startMs = this.#context.clock.now();
    try {
      await new Promise<void>((resolve, reject) => {
        outgoing.reject = reject;
        this.#run(outgoing, peer, message, source).then(resolve, reject);
      });
      const tookMs = Math.round(this.#context.clock.now() - startMs);
      const fields = { peer: peer.nodeId, bytes: source.bytes, tookMs };
      this.#context.logger.info('bulk.sent', fields);
    } catch (error) {
      const failure = failed(peer, error);
      const fields = { peer: peer.nodeId, bytes: source.bytes, error: failure.message };
      if (this.#context.isRunning) this.#context.logger.warn('bulk.send-failed', fields);
      throw failure;
    } finally {
      outgoing.channel?.destroy();
      this.#outgoing.delete(peer.raftId);
    }
  }

  async #run(
    outgoing: Outgoing,
    peer: RemotePeer,
    message: Message,
    source: BulkSource,
  ): Promise<void> {
    const context = this.#context;
    const { options, clock } = context;
    if (peer.address === undefined) throw new Error('its address is not known');
    const { signal } = outgoing.calledOff;
    const dialed = await context.network.dial(peer.address, options.handshakeTimeoutMs, signal);
    const channel = context.open(dialed);
    outgoing.channel = channel;
    if (signal.aborted) {
      channel.destroy();
      return;
    }
    const hello = peer.hello('bulk', context.nonce());
    const parts = context.handshakeParts((theirs) => peer.outlive(theirs));
    const { rest, theirs } = await dialHandshake(channel, hello, parts, (found) =>
      peer.checkAnswer(found),
    );
    outgoing.session = theirs.session;
    const wire = new BulkWire(channel, clock, options.bulkProgressTimeoutMs);
    const sender = new BulkSender(wire, clock, options.bulkBytesPerSecond);
    await sender.send(message, source, rest);
  }

  /** A peer has dialed a connection for bulk, and its handshake is done. */
  accept(channel: Channel, established: Established): void {
    const { clock, options, logger, events } = this.#context;
    const { raftId, nodeId, session } = established.theirs;
    this.#incoming
      .get(raftId)
      ?.receiver.abort(new Error('a newer transfer from the same node began'));
    const receiver = new BulkReceiver({
      wire: new BulkWire(channel, clock, options.bulkProgressTimeoutMs),
      windowBytes: options.bulkWindowBytes,
      finishTimeoutMs: options.bulkFinishTimeoutMs,
      open: (message) => events.bulk(raftId, message),
      ended: (error) => {
        if (this.#incoming.get(raftId)?.receiver === receiver) this.#incoming.delete(raftId);
        if (error === undefined) logger.info('bulk.received', { peer: nodeId });
        else logger.warn('bulk.receive-failed', { peer: nodeId, error: error.message });
      },
    });
    this.#incoming.set(raftId, { receiver, session });
    receiver.start(established.rest);
  }

  /** The peer is removed, or all are stopped. */
  cancel(raftId: RaftId, reason: Error): void {
    const outgoing = this.#outgoing.get(raftId);
    if (outgoing !== undefined) {
      outgoing.calledOff.abort();
      outgoing.channel?.destroy(reason);
      outgoing.reject(reason);
    }
    this.#incoming.get(raftId)?.receiver.abort(reason);
  }

  /** The peer is connected as that process: a transfer from or to another one is over. */
  keepOnly({ raftId, nodeId, session }: Identity): void {
    const reason = new Error(`node ${nodeId} is another process now`);
    const incoming = this.#incoming.get(raftId);
    if (incoming !== undefined && incoming.session !== session) incoming.receiver.abort(reason);
    const outgoing = this.#outgoing.get(raftId);
    if (outgoing?.session === undefined || outgoing.session === session) return;
    outgoing.channel?.destroy(reason);
    outgoing.reject(reason);
  }

  cancelAll(reason: Error): void {
    for (const raftId of [...this.#outgoing.keys(), ...this.#incoming.keys()]) {
      this.cancel(raftId, reason);
    }
  }
}

function failed(peer: RemotePeer, cause: unknown): ClusterError {
  const text = textOf(cause);
  return new ClusterError(
    'TRANSFER_FAILED',
    `the transfer to node ${peer.nodeId} failed: ${text}`,
    {
      details: { peer: peer.nodeId },
      cause,
    },
  );
}
