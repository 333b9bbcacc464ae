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
 * set of places is dialed anew within that time. Whoever has shown a fitting hello of a peer that was added
 * keeps its place; of one that nobody added, anybody can make such a hello. Who gets no place, or loses it,
 * is told that we are busy, if that still reaches it.
 *
 * A connection for bulk is for peers that were added, and each may have one that is not confirmed.
 *
 * Who is refused is told why, and so is our log, once until that node is let in; those whom nobody added
 * choose their names themselves, and are told apart by where they come from.
 */
import { ClusterError } from '../errors.ts';
import { HANDSHAKES_MAX, HANDSHAKES_PER_ADDRESS_MAX } from '../limits.ts';
import type { Connection } from '../world/index.ts';
import type { Channel } from './channel.ts';
import { acceptHandshake, type Established, Refusal, refuse } from './handshake.ts';
import { encodeHandshake, HandshakeType, type Hello, type Identity } from './handshake-codec.ts';
import type { PeerContext } from './peer-context.ts';
import type { Incoming, RemotePeer } from './remote-peer.ts';

/** Distinct refusals remembered, so that each is logged once. */
const REFUSALS_KEPT = 256;

/** A connection that has a place: in its handshake, or refused and not closed yet. */
interface Guest {
  readonly channel: Channel;
  readonly host: string;
  /** It has shown a hello that fits, of a peer that was added, and was not refused. */
  isExpected: boolean;
  /** Whose bulk it is for, when it has shown such a hello. */
  bulkOf: RemotePeer | undefined;
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
    if (!context.isRunning) {
      channel.destroy();
      return;
    }
    if (!this.#makeRoom(host)) {
      turnAway(channel, 'there was no place for it');
      return;
    }
    guest = { channel, host, isExpected: false, bulkOf: undefined };
    this.#guests.add(guest);
    void this.#handshake(guest);
  }

  /** False: everybody who is here has more right to be. */
  #makeRoom(host: string): boolean {
    const fromHost = [...this.#guests].filter((guest) => guest.host === host);
    const isHostFull = fromHost.length >= HANDSHAKES_PER_ADDRESS_MAX;
    if (!isHostFull && this.#guests.size < HANDSHAKES_MAX) return true;
    this.#logOnce(fullKey(host), 'peer.handshakes-full', {
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
    turnAway(oldest.channel, 'its place was given to a newer connection');
    return true;
  }

  /** @throws Refusal. */
  #beginBulk(guest: Guest, peer: RemotePeer): void {
    if (!peer.isAdded) {
      throw refuse('unknown-node', `node ${peer.nodeId} sends bulk, but is no peer of this one`);
    }
    for (const earlier of this.#guests) {
      if (earlier.bulkOf === peer) earlier.channel.destroy(new Error('a newer one came'));
    }
    guest.bulkOf = peer;
  }

  #leave(guest: Guest | undefined): void {
    if (guest === undefined || !this.#guests.delete(guest)) return;
    // The crowd is gone: the next one is news again.
    const isLast = ![...this.#guests].some(({ host }) => host === guest.host);
    if (isLast) this.#logged.delete(fullKey(guest.host));
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
          if (hello.purpose === 'bulk') this.#beginBulk(guest, peer);
          else {
            peer.judge(hello);
            incoming = { channel, hello };
            peer.beginIncoming(incoming);
          }
          guest.isExpected = peer.isAdded;
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
    if (peer?.isAdded === true) this.#forget(peer, channel);
    if (established.hello.purpose === 'bulk') {
      const isWanted = peer?.isAdded === true && !peer.isOtherThan(established.theirs);
      if (isWanted) this.#parts.bulk(channel, established);
      else channel.destroy();
    } else if (peer !== undefined && incoming !== undefined) {
      peer.acceptIncoming(incoming, established);
    }
  }

  #log(channel: Channel, error: Error, peer: RemotePeer | undefined): void {
    // Two nodes that dial each other at once: the rule at work, nothing for people.
    if (error instanceof Refusal && error.refusal === 'duplicate') return;
    peer?.noteIncomingError(error);
    const refusal = error instanceof Refusal ? error.refusal : undefined;
    const from = peer?.isAdded === true ? peer.nodeId : hostOf(channel.remote);
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
  #forget({ nodeId }: RemotePeer, { remote }: Channel): void {
    const prefixes = [`${nodeId} `, `${hostOf(remote)} `];
    for (const key of this.#logged) {
      if (prefixes.some((prefix) => key.startsWith(prefix))) this.#logged.delete(key);
    }
  }
}

/** There is no place for it. Not waited for: a place to wait in is what there is none of. */
function turnAway(channel: Channel, why: string): void {
  const text = 'too many connections have not said who they are';
  channel.write([
    encodeHandshake({ type: HandshakeType.Refuse, code: 'busy', text, holding: undefined }),
  ]);
  channel.destroy(new Error(why));
}

/** Begins with no name of a node. */
function fullKey(host: string): string {
  return `: ${host}`;
}

function hostOf(remote: string): string {
  return remote.replace(/:\d+$/, '');
}
