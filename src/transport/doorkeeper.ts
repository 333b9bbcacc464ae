/**
 * Connections that others dial: at most HANDSHAKES_MAX at a time have not said who they are, each has
 * a deadline and a few KiB, and whoever is refused is told why, once in our log (SD-19, SD-20).
 */
import { ClusterError } from '../errors.ts';
import { HANDSHAKES_MAX } from '../limits.ts';
import type { Connection } from '../world/index.ts';
import type { Channel } from './channel.ts';
import { acceptHandshake, type Established, Refusal } from './handshake.ts';
import type { Hello, Identity } from './handshake-codec.ts';
import type { PeerContext } from './peer-context.ts';
import type { Incoming, RemotePeer } from './remote-peer.ts';

/** Distinct refusals remembered, so that each is logged once. */
const REFUSALS_KEPT = 256;

export interface DoorkeeperParts {
  readonly context: PeerContext;
  /** The record of a peer, made if need be. @throws Refusal. */
  peerOf(identity: Identity): RemotePeer;
  /** It may have come to nothing. */
  release(peer: RemotePeer): void;
  bulk(channel: Channel, established: Established): void;
}

export class Doorkeeper {
  readonly #parts: DoorkeeperParts;
  readonly #logged = new Set<string>();
  #open = 0;

  constructor(parts: DoorkeeperParts) {
    this.#parts = parts;
  }

  receive(connection: Connection): void {
    const { context } = this.#parts;
    const channel = context.open(connection);
    if (!context.isRunning || this.#open >= HANDSHAKES_MAX) {
      channel.destroy();
      return;
    }
    this.#open += 1;
    void this.#handshake(channel).finally(() => {
      this.#open -= 1;
    });
  }

  async #handshake(channel: Channel): Promise<void> {
    const { context } = this.#parts;
    let peer: RemotePeer | undefined;
    let incoming: Incoming | undefined;
    try {
      const established = await acceptHandshake(
        channel,
        context.handshakeParts(),
        (hello) => {
          peer = this.#parts.peerOf(hello.identity);
          peer.checkCaller(hello.identity);
          if (hello.purpose === 'bulk') return;
          peer.judge(hello);
          incoming = { channel, hello };
          peer.beginIncoming(incoming);
        },
        () => {
          if (incoming !== undefined) peer?.rejudge(incoming);
        },
      );
      if (!context.isRunning) channel.destroy();
      else this.#enter(channel, established, peer, incoming);
    } catch (error) {
      if (!context.isRunning) return;
      this.#log(channel, error as Error, peer);
      if (incoming !== undefined) peer?.endIncoming(incoming);
    }
    if (peer !== undefined) this.#parts.release(peer);
  }

  #enter(
    channel: Channel,
    established: Established & { readonly hello: Hello },
    peer: RemotePeer | undefined,
    incoming: Incoming | undefined,
  ): void {
    this.#forget(established.theirs);
    if (established.hello.purpose === 'bulk') this.#parts.bulk(channel, established);
    else if (peer !== undefined && incoming !== undefined) {
      peer.acceptIncoming(incoming, established);
    }
  }

  #log(channel: Channel, error: Error, peer: RemotePeer | undefined): void {
    // Two nodes that dial each other at once: the rule at work, nothing for people.
    if (error instanceof Refusal && error.refusal === 'duplicate') return;
    peer?.noteIncomingError(error);
    const refusal = error instanceof Refusal ? error.refusal : undefined;
    const { logger } = this.#parts.context;
    const from = peer?.nodeId ?? hostOf(channel.remote);
    const fields = { peer: peer?.nodeId, address: channel.remote, error: error.message };
    if (refusal === undefined && !(error instanceof ClusterError)) {
      logger.debug('peer.handshake-broken', fields);
      return;
    }
    const key = `${from} ${refusal ?? 'malformed'}`;
    if (this.#logged.has(key)) return;
    if (this.#logged.size >= REFUSALS_KEPT) this.#logged.clear();
    this.#logged.add(key);
    logger.warn('peer.refused', {
      ...fields,
      refusal: refusal ?? 'malformed',
      by: error instanceof Refusal && !error.isOurs ? 'them' : 'us',
    });
  }

  /** It is let in: what it is refused for next is news again. */
  #forget(identity: Identity): void {
    for (const key of this.#logged) {
      if (key.startsWith(`${identity.nodeId} `)) this.#logged.delete(key);
    }
  }
}

function hostOf(remote: string): string {
  return remote.replace(/:\d+$/, '');
}
