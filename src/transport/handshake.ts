/**
 * The course of a handshake, on either side: three messages, one deadline, and a named reason when it
 * comes to nothing.
 *
 *     dialer                          acceptor
 *     Hello          ->               strangers? duplicates? admit()
 *     admit()        <-               Accept | Refuse
 *     Confirm | Refuse ->             the connection counts from here
 *
 * Both sides admit each other: an acceptor that was wiped is found out as well as a dialer. Neither
 * side may send anything else before its turn, so what a stranger can make us hold is one message.
 * Nothing of the connection is delivered before `admit` has resolved. An `admit` that hangs (a disk
 * does) is cut off by the same deadline: it must not keep the peer from being tried again.
 */
import { ClusterError } from '../errors.ts';
import { textOf } from '../given.ts';
import { HANDSHAKE_BYTES_MAX, HANDSHAKE_LINGER_MS, HANDSHAKE_REST_BYTES_MAX } from '../limits.ts';
import type { Clock, Timer } from '../world/index.ts';
import type { Channel } from './channel.ts';
import {
  type Accept,
  decodeHandshake,
  encodeHandshake,
  type HandshakeMessage,
  HandshakeType,
  type Hello,
  type Identity,
  type RefusalCode,
  type Refuse,
} from './handshake-codec.ts';

/** Versions of frames and messages that we speak. */
export const VERSION_MIN = 1;
export const VERSION_MAX = 1;

/** A handshake that one of the sides does not want. */
export class Refusal extends ClusterError {
  readonly refusal: string;
  readonly isOurs: boolean;
  readonly holding: string | undefined;

  constructor(
    code: string,
    text: string,
    options: { isOurs: boolean; holding?: string | undefined },
  ) {
    super('PEER_REFUSED', text, { details: { refusal: code, by: options.isOurs ? 'us' : 'them' } });
    this.refusal = code;
    this.isOurs = options.isOurs;
    this.holding = options.holding;
  }

  /** ClusterError tells its instances by a brand, which other errors with codes have as well. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof ClusterError && 'refusal' in value;
  }
}

export function refuse(code: RefusalCode, text: string, holding?: string): Refusal {
  return new Refusal(code, text, { isOurs: true, holding });
}

/** What `admit` threw, as a refusal that the other side understands. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const text = textOf(error);
  const codes: Readonly<Record<string, RefusalCode>> = {
    MEMBER_WIPED: 'incarnation',
    MEMBER_UNKNOWN: 'unknown-node',
    MEMBER_REMOVED: 'removed',
    OVERLOADED: 'busy',
  };
  const code = error instanceof ClusterError ? codes[error.code] : undefined;
  return refuse(code ?? 'rejected', text);
}

/** Ours and theirs must fit; what is wrong is said by name, with both values. */
export function checkCluster(ours: Identity, theirs: Identity): void {
  if (theirs.clusterName !== ours.clusterName) {
    throw refuse(
      'cluster-name',
      `node ${theirs.nodeId} belongs to cluster "${theirs.clusterName}", ` +
        `node ${ours.nodeId} to "${ours.clusterName}"; check addresses and cluster names`,
    );
  }
  if (theirs.clusterId !== ours.clusterId) {
    throw refuse(
      'cluster-id',
      `node ${theirs.nodeId} belongs to cluster ${theirs.clusterId}, node ${ours.nodeId} to ` +
        `${ours.clusterId}: two clusters were founded under the name "${ours.clusterName}"`,
    );
  }
  if (theirs.session === ours.session) {
    throw refuse('self', `node ${ours.nodeId} has dialed itself; check the addresses of its peers`);
  }
  if (theirs.raftId === ours.raftId || theirs.nodeId === ours.nodeId) {
    throw refuse(
      'identity',
      `node ${theirs.nodeId} at ${theirs.address} and node ${ours.nodeId} at ${ours.address} ` +
        `have raft ids ${theirs.raftId} and ${ours.raftId}: an identity may be used once only`,
    );
  }
}

export interface HandshakeParts {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly own: Identity;
  /** Asks the node; throws to refuse. */
  admit(theirs: Identity): Promise<void>;
}

export interface Established {
  readonly theirs: Identity;
  readonly nonce: string;
  /** Bytes that followed the handshake: the first frames. */
  readonly rest: Buffer;
}

/** `check` sees who answered, before `admit` does. @throws Refusal, NetworkError, ClusterError. */
export async function dialHandshake(
  channel: Channel,
  hello: Hello,
  parts: HandshakeParts,
  check: (theirs: Identity) => void,
): Promise<Established> {
  const inbox = new Inbox(channel, parts);
  try {
    channel.write([encodeHandshake(hello)]);
    const answer = await inbox.next();
    if (answer.type === HandshakeType.Refuse) throw refusedBy(answer);
    if (answer.type !== HandshakeType.Accept) throw unexpected(answer);
    if (answer.nonce !== hello.nonce) throw refuse('malformed', 'the answer is to another hello');
    if (answer.version < hello.versionMin || answer.version > hello.versionMax) {
      throw refuse('version', `version ${answer.version} was chosen, which was not offered`);
    }
    checkCluster(parts.own, answer.identity);
    check(answer.identity);
    await inbox.unlessEnded(parts.admit(answer.identity), answer.identity);
    channel.write([encodeHandshake({ type: HandshakeType.Confirm, nonce: hello.nonce })]);
    return { theirs: answer.identity, nonce: hello.nonce, rest: inbox.finish() };
  } catch (error) {
    throw inbox.fail(error);
  }
}

/**
 * `check` sees the hello before `admit` does, `recheck` once more before the answer leaves: the world
 * may have changed meanwhile. Both throw a Refusal.
 */
export async function acceptHandshake(
  channel: Channel,
  parts: HandshakeParts,
  check: (hello: Hello) => void,
  recheck: (hello: Hello) => void,
): Promise<Established & { readonly hello: Hello }> {
  const inbox = new Inbox(channel, parts);
  try {
    const hello = await inbox.next();
    if (hello.type !== HandshakeType.Hello) throw unexpected(hello);
    const version = chooseVersion(hello, parts.own);
    checkCluster(parts.own, hello.identity);
    if (hello.target !== parts.own.raftId) {
      throw refuse(
        'wrong-node',
        `node ${hello.identity.nodeId} dialed raft id ${hello.target}, but ${parts.own.address} is ` +
          `node ${parts.own.nodeId} with raft id ${parts.own.raftId}; correct the address of raft ` +
          `id ${hello.target} on node ${hello.identity.nodeId}`,
      );
    }
    check(hello);
    await inbox.unlessEnded(parts.admit(hello.identity), hello.identity);
    recheck(hello);
    const { nonce } = hello;
    const accept: Accept = { type: HandshakeType.Accept, version, identity: parts.own, nonce };
    channel.write([encodeHandshake(accept)]);
    const last = await inbox.next();
    if (last.type === HandshakeType.Refuse) throw refusedBy(last);
    if (last.type !== HandshakeType.Confirm || last.nonce !== nonce) throw unexpected(last);
    return { hello, theirs: hello.identity, nonce, rest: inbox.finish() };
  } catch (error) {
    throw inbox.fail(error);
  }
}

function chooseVersion(hello: Hello, own: Identity): number {
  const version = Math.min(VERSION_MAX, hello.versionMax);
  if (version >= VERSION_MIN && version >= hello.versionMin) return version;
  throw refuse(
    'version',
    `node ${hello.identity.nodeId} speaks versions ${hello.versionMin} to ${hello.versionMax}, ` +
      `node ${own.nodeId} ${VERSION_MIN} to ${VERSION_MAX}; upgrade one release at a time`,
  );
}

function refusedBy(message: Refuse): Refusal {
  return new Refusal(message.code, message.text, { isOurs: false, holding: message.holding });
}

function unexpected(message: HandshakeMessage): Refusal {
  return refuse('malformed', `a handshake message of type ${message.type} came out of turn`);
}

/** The messages of a handshake as they come in; one deadline for all of them. */
class Inbox {
  readonly #channel: Channel;
  #bytes: Buffer = Buffer.alloc(0);
  /** The last message has come: what follows is frames. */
  #hasLast = false;
  #waiting: { resolve(message: HandshakeMessage): void; reject(error: Error): void } | undefined;
  /** Ends the wait for something of our own. */
  #onEnded: (error: Error) => void = () => {};
  /** Whom our own node is being asked about. */
  #admitting: string | undefined;
  #error: Error | undefined;
  #isDone = false;
  readonly #parts: HandshakeParts;
  readonly #beginMs: number;
  readonly #deadline: Timer;

  constructor(channel: Channel, parts: HandshakeParts) {
    this.#channel = channel;
    this.#parts = parts;
    this.#beginMs = parts.clock.now();
    channel.handle({
      data: (chunk) => this.#data(chunk),
      drain: () => {},
      close: (error) => this.#stop(error ?? this.#cutOff('closed')),
    });
    this.#deadline = parts.clock.after(parts.timeoutMs, () => {
      // What came in while this process was busy is read first.
      parts.clock.afterIo(() => this.#stop(this.#cutOff('timeout')));
    });
  }

  next(): Promise<HandshakeMessage> {
    return new Promise((resolve, reject) => {
      if (this.#error !== undefined) return reject(this.#error);
      this.#waiting = { resolve, reject };
    });
  }

  /** Waits for something of our own, but not beyond the end of the connection or the deadline. */
  async unlessEnded(work: Promise<void>, theirs: Identity): Promise<void> {
    this.#admitting = theirs.nodeId;
    const ended = new Promise<never>((_, reject) => {
      this.#onEnded = reject;
      if (this.#error !== undefined) reject(this.#error);
    });
    await Promise.race([work, ended]);
    this.#admitting = undefined;
    this.#onEnded = () => {};
    this.#assertOpen();
  }

  #assertOpen(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** The handshake is over; what came after it is somebody else's. */
  finish(): Buffer {
    this.#assertOpen();
    this.#isDone = true;
    this.#deadline.cancel();
    return this.#bytes;
  }

  /** Tells the other side why, when it is there and it is our reason. Answers the error to throw. */
  fail(error: unknown): Error {
    const cause = this.#error ?? error;
    const isTechnical =
      this.#error !== undefined ||
      (error instanceof ClusterError && error.code === 'CODEC_INVALID');
    this.#isDone = true;
    this.#deadline.cancel();
    if (isTechnical) {
      this.#channel.destroy();
      return cause as Error;
    }
    const refusal = refusalOf(error);
    if (refusal.isOurs) {
      const { refusal: code, message: text, holding } = refusal;
      this.#channel.write([encodeHandshake({ type: HandshakeType.Refuse, code, text, holding })]);
    }
    if (refusal.isOurs) this.#linger();
    else this.#channel.destroy();
    return refusal;
  }

  /** Dropping the connection at once could take the refusal with it. Who was refused hangs up. */
  #linger(): void {
    const timer = this.#parts.clock.after(HANDSHAKE_LINGER_MS, () => this.#channel.destroy());
    this.#channel.handle({ data: () => {}, drain: () => {}, close: () => timer.cancel() });
  }

  #data(chunk: Uint8Array): void {
    if (this.#isDone || this.#error !== undefined) return;
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.#hasLast) {
      if (this.#bytes.length > HANDSHAKE_REST_BYTES_MAX) {
        this.#stop(
          new ClusterError('CODEC_INVALID', 'too much came before the handshake was done'),
        );
      }
      return;
    }
    try {
      const found = decodeHandshake(this.#bytes);
      if (found !== undefined) this.#found(found.message, found.length);
      else if (this.#bytes.length > HANDSHAKE_BYTES_MAX) {
        throw new ClusterError('CODEC_INVALID', 'the handshake is too long');
      }
    } catch (error) {
      this.#stop(error as Error);
    }
  }

  #found(message: HandshakeMessage, length: number): void {
    const waiting = this.#waiting;
    this.#bytes = this.#bytes.subarray(length);
    if (waiting === undefined) {
      throw new ClusterError('CODEC_INVALID', 'a handshake message came out of turn');
    }
    const isLast = message.type === HandshakeType.Confirm;
    if (this.#bytes.length > 0 && !isLast) {
      // Thrown while somebody still waits: it is he who is told.
      throw new ClusterError('CODEC_INVALID', 'something follows a handshake message out of turn');
    }
    this.#hasLast = isLast;
    this.#waiting = undefined;
    waiting.resolve(message);
  }

  #stop(error: Error): void {
    if (this.#isDone || this.#error !== undefined) return;
    this.#error = error;
    this.#deadline.cancel();
    this.#channel.destroy(error);
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    this.#onEnded(error);
  }

  /** Names whoever kept the other one waiting: the other side, or this node itself. */
  #cutOff(fault: 'closed' | 'timeout'): Error {
    const { own, clock } = this.#parts;
    const what = fault === 'closed' ? 'closed the connection in' : 'did not complete';
    const tookMs = Math.round(clock.now() - this.#beginMs);
    const blame =
      this.#admitting === undefined
        ? ''
        : `: node ${own.nodeId} had not made up its mind about node ${this.#admitting}; ` +
          `look at the disk of node ${own.nodeId}`;
    const text = `${this.#channel.remote} ${what} the handshake after ${tookMs} ms${blame}`;
    return new HandshakeCutOff(fault, text);
  }
}

/** The other side went away or was too slow; it said nothing about why. */
export class HandshakeCutOff extends Error {
  readonly fault: 'closed' | 'timeout';

  constructor(fault: 'closed' | 'timeout', message: string) {
    super(message);
    this.name = 'HandshakeCutOff';
    this.fault = fault;
  }
}
