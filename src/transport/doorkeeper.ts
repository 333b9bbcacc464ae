/**
 * Connections that others dial, until they have said who they are (SD-19, SD-20).
 *
 * What a stranger can cost is bounded in number, memory and time: HANDSHAKES_MAX connections at a
 * time, HANDSHAKES_PER_ADDRESS_MAX from one address, HANDSHAKE_BYTES_MAX each, for HANDSHAKE_MS_MAX,
 * and HANDSHAKE_LINGER_MS more when it is refused by name.
 *
 * When all places are taken, the newcomer takes the place of the oldest one that has not yet shown a
 * hello that fits. Turning newcomers away instead would let a hundred silent connections lock the
 * peers out; like this a peer, whose hello comes within a round trip, is only in danger when a whole
 * set of places is dialed anew within that time. Whoever has shown a fitting hello keeps its place.
 *
 * Who is refused is told why, and so is our log, once until that node is let in.
 */
import { ClusterError } from '../errors.ts';
import { HANDSHAKES_MAX, HANDSHAKES_PER_ADDRESS_MAX } from '../limits.ts';
import type { Connection } from '../world/index.ts';
import type { Channel } from './channel.ts';
import { acceptHandshake, type Established, Refusal } from './handshake.ts';
import type { Hello, Identity } from './handshake-codec.ts';
import type { PeerContext } from './peer-context.ts';
import type { Incoming, RemotePeer } from './remote-peer.ts';

/** Distinct refusals remembered, so that each is logged once. */
const REFUSALS_KEPT = 256;

/** A connection that has a place: in its handshake, or refused and not closed yet. */
interface Guest {
  readonly channel: Channel;
  readonly host: string;
  /** It has shown a hello that fits, and was not refused. */
  isExpected: boolean;
}

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
  /** Oldest first. */
  readonly #guests = new Set<Guest>();

  constructor(parts: DoorkeeperParts) {
    this.#parts = parts;
  }

  receive(connection: Connection): void {
    const { context } = this.#parts;
    let guest: Guest | undefined;
    const channel = context.open(connection, () => this.#leave(guest));
    const host = hostOf(channel.remote);
    if (!context.isRunning || !this.#makeRoom(host)) {
      channel.destroy();
      return;
    }
    guest = { channel, host, isExpected: false };
    this.#guests.add(guest);
    void this.#handshake(guest);
  }

  /** False: everybody who is here has more right to be. */
  #makeRoom(host: string): boolean {
    const fromHost = [...this.#guests].filter((guest) => guest.host === host);
    const isHostFull = fromHost.length >= HANDSHAKES_PER_ADDRESS_MAX;
    if (!isHostFull && this.#guests.size < HANDSHAKES_MAX) return true;
    this.#logOnce(`${host} full`, 'peer.handshakes-full', {
      address: host,
      pending: this.#guests.size,
      error:
        `${fromHost.length} connections from ${host} (${this.#guests.size} in all) have not said ` +
        'who they are; the oldest are dropped. Find out what dials the peer port there',
    });
    const crowd = isHostFull ? fromHost : [...this.#guests];
    const oldest = crowd.find((guest) => !guest.isExpected);
    if (oldest === undefined) return false;
    this.#leave(oldest);
    oldest.channel.destroy(new Error('its place was given to a newer connection'));
    return true;
  }

  #leave(guest: Guest | undefined): void {
    if (guest === undefined || !this.#guests.delete(guest)) return;
    // The crowd is gone: the next one is news again.
    const isLast = ![...this.#guests].some(({ host }) => host === guest.host);
    if (isLast) this.#logged.delete(`${guest.host} full`);
  }

  async #handshake(guest: Guest): Promise<void> {
    const { context } = this.#parts;
    const { channel } = guest;
    let peer: RemotePeer | undefined;
    let incoming: Incoming | undefined;
    try {
      const established = await acceptHandshake(
        channel,
        context.handshakeParts(async (theirs) => {
          await peer?.outlive(theirs);
        }),
        (hello) => {
          peer = this.#parts.peerOf(hello.identity);
          peer.checkCaller(hello.identity);
          if (hello.purpose !== 'bulk') {
            peer.judge(hello);
            incoming = { channel, hello };
            peer.beginIncoming(incoming);
          }
          guest.isExpected = true;
        },
        () => {
          if (incoming !== undefined) peer?.rejudge(incoming);
        },
      );
      this.#leave(guest);
      if (!context.isRunning) channel.destroy();
      else this.#enter(channel, established, peer, incoming);
    } catch (error) {
      guest.isExpected = false;
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
    if (established.hello.purpose === 'bulk') {
      if (peer?.isOtherThan(established.theirs) === true) channel.destroy();
      else this.#parts.bulk(channel, established);
    } else if (peer !== undefined && incoming !== undefined) {
      peer.acceptIncoming(incoming, established);
    }
  }

  #log(channel: Channel, error: Error, peer: RemotePeer | undefined): void {
    // Two nodes that dial each other at once: the rule at work, nothing for people.
    if (error instanceof Refusal && error.refusal === 'duplicate') return;
    peer?.noteIncomingError(error);
    const refusal = error instanceof Refusal ? error.refusal : undefined;
    const from = peer?.nodeId ?? hostOf(channel.remote);
    const fields = { peer: peer?.nodeId, address: channel.remote, error: error.message };
    if (refusal === undefined && !(error instanceof ClusterError)) {
      this.#parts.context.logger.debug('peer.handshake-broken', fields);
      return;
    }
    this.#logOnce(`${from} ${refusal ?? 'malformed'}`, 'peer.refused', {
      ...fields,
      refusal: refusal ?? 'malformed',
      by: error instanceof Refusal && !error.isOurs ? 'them' : 'us',
    });
  }

  #logOnce(key: string, event: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.#logged.has(key)) return;
    if (this.#logged.size >= REFUSALS_KEPT) this.#logged.clear();
    this.#logged.add(key);
    this.#parts.context.logger.warn(event, fields);
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
