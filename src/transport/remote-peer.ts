/**
 * One peer and the one connection for messages with it: which of two connections stays, what becomes
 * of what was to be sent, and what is told about it. When to dial is in dialer.ts.
 *
 * Both sides keep trying to be connected, so they dial each other at the same time again and again
 * (after each loss, for one). The rule (S-99, SD-14): of each pair the node with the lower raft id
 * decides, alone.
 * - It confirms a connection that it dialed only while it accepts no other one, and accepts one that
 *   was dialed by the other side only when it has none, and its own dial has not come to a hello.
 *   Otherwise it answers `duplicate` and names the connection that counts.
 * - The node with the higher id takes what it is given: each connection that the lower one dials, and
 *   each of its own that is accepted; the newest replaces what was there.
 * - Between the same dialer and acceptor a newer connection of the same process life (`session`) always
 *   replaces the older one: that is what is left behind when only one side has noticed a loss.
 * - Another process life under the same id is let in only when the one that is connected is gone:
 *   first come stays as long as it answers (`outlive`). Two that live at once run on one data folder
 *   and its copy; both would vote, and neither would know of the other's vote.
 * - Who is told `duplicate` and does not know the connection named waits a moment, and says so in its
 *   next hello (`lost`); then that connection is given up by the other side as well.
 * So two live connections never fight, and a dead one blocks nobody (S-54).
 *
 * A dial that fails empties the queue and is reported: what waits for a peer that is away is stale by
 * the time that it is back. Whatever is dropped, or may be lost with a connection, is reported.
 */
import { ClusterError } from '../errors.ts';
import type { Message, RaftId } from '../raft/index.ts';
import type { Address } from '../world/index.ts';
import { parseAddress } from './address.ts';
import type { Channel } from './channel.ts';
import { Dialer } from './dialer.ts';
import { FrameType } from './frame.ts';
import { type Established, Refusal, refuse, VERSION_MAX, VERSION_MIN } from './handshake.ts';
import { HandshakeType, type Hello, type Identity, type Purpose } from './handshake-codec.ts';
import { Link } from './link.ts';
import { decodeMessages } from './messages-frame.ts';
import { OverflowReport } from './overflow-report.ts';
import type { PeerContext } from './peer-context.ts';
import { type Queued, SendQueue } from './send-queue.ts';
import type { Peer, PeerStatus, UnreachableReason } from './types.ts';

/** A connection that the other side dialed and that was not confirmed yet. */
export interface Incoming {
  readonly channel: Channel;
  readonly hello: Hello;
}

export interface PeerHost {
  /** Its connection is gone; nobody may want it any more. */
  lost(): void;
  /** It is connected: what another process left behind under its id is over. */
  runs(theirs: Identity): void;
}

export class RemotePeer {
  readonly raftId: RaftId;
  nodeId: string;
  /** `undefined`: nobody added it; it came by itself. */
  #added: { readonly address: string; readonly parsed: Address } | undefined;
  readonly #context: PeerContext;
  readonly #queue = new SendQueue();
  readonly #dialer: Dialer;
  #link: Link | undefined;
  #incoming: Incoming | undefined;
  #isRemoved = false;
  #droppedFrames = 0;
  #sentBefore = 0;
  #receivedBefore = 0;
  #lastError: string | undefined;
  #lastLogged: string | undefined;
  readonly #overflow: OverflowReport;

  readonly #host: PeerHost;

  constructor(context: PeerContext, raftId: RaftId, nodeId: string, host: PeerHost) {
    this.#context = context;
    this.#host = host;
    this.raftId = raftId;
    this.nodeId = nodeId;
    this.#dialer = new Dialer(context, {
      target: () => this.#target(),
      hello: (nonce, lost) => this.hello('messages', nonce, lost),
      checkAnswer: (theirs) => this.checkAnswer(theirs),
      knows: (name) => this.#link?.nonce === name || this.#incoming?.hello.nonce === name,
      isLinked: () => this.#link !== undefined,
      outlive: (theirs) => this.outlive(theirs),
      established: (channel, established) => this.#establish(channel, established, true),
      failed: (reason, error) => this.#fail(reason, error),
    });
    this.#overflow = new OverflowReport(context.clock, () => this.#tellOverflow());
  }

  get isAdded(): boolean {
    return this.#added !== undefined;
  }

  /** Neither wanted nor there. */
  get isForgettable(): boolean {
    return !this.isAdded && this.#link === undefined && this.#incoming === undefined;
  }

  get address(): Address | undefined {
    return this.#added?.parsed;
  }

  /** Again: the address may have changed, or the raft id may belong to another node now. */
  add(peer: Peer): void {
    const parsed = parseAddress(peer.address);
    const hasMoved = this.#added !== undefined && this.#added.address !== peer.address;
    const isOther = this.nodeId !== peer.nodeId;
    this.#added = { address: peer.address, parsed };
    this.nodeId = peer.nodeId;
    if (isOther) this.#breakWith(peer.nodeId);
    if (hasMoved || isOther) this.#dialer.reset();
    this.#dialer.ensure();
  }

  /** What was sent or waits was for another node; no event runs inside a call, so it is told later. */
  #breakWith(nodeId: string): void {
    const mayHaveLost = (this.#link?.sentFrames ?? 0) > 0 || !this.#queue.isEmpty;
    this.#discardLink();
    this.#incoming?.channel.destroy();
    this.#incoming = undefined;
    this.#droppedFrames += this.#queue.clear();
    if (!mayHaveLost) return;
    const error = new Error(`raft id ${this.raftId} belongs to node ${nodeId} from now on`);
    this.#context.defer(() => this.#context.events.unreachable(this.raftId, 'closed', error));
  }

  remove(): void {
    this.#isRemoved = true;
    this.#added = undefined;
    this.#dialer.stop();
    this.#overflow.stop();
    this.#incoming?.channel.destroy();
    this.#incoming = undefined;
    this.#discardLink();
    this.#queue.clear();
  }

  send(message: Message): boolean {
    return this.#took(this.#queue.pushMessage(message), 'message');
  }

  sendFrame(kind: number, payload: readonly Uint8Array[]): boolean {
    return this.#took(this.#queue.pushFrame(kind, payload), 'frame');
  }

  flush(): void {
    this.#link?.pump();
  }

  /** What must not wait until `flush` was called for others. */
  flushFirst(): void {
    this.#link?.pumpFirst();
  }

  status(): PeerStatus {
    return {
      raftId: this.raftId,
      nodeId: this.nodeId,
      address: this.#added?.address ?? this.#link?.theirs.address ?? '',
      connected: this.#link?.isOpen === true,
      queuedBytes: this.#queue.bytes,
      sentFrames: this.#sentBefore + (this.#link?.sentFrames ?? 0),
      receivedFrames: this.#receivedBefore + (this.#link?.receivedFrames ?? 0),
      droppedFrames: this.#droppedFrames,
      breaker: this.#dialer.breaker,
      lastError: this.#lastError,
    };
  }

  // ---- what the other side dials ----------------------------------------------------------------

  /** Who says to be this peer must have its node id. @throws Refusal. */
  checkCaller(theirs: Identity): void {
    if (this.#isRemoved) throw refuse('busy', 'the peer was removed in this moment');
    if (!this.isAdded || theirs.nodeId === this.nodeId) return;
    throw refuse(
      'identity',
      `raft id ${this.raftId} belongs to node ${this.nodeId}, not to ${theirs.nodeId}`,
    );
  }

  /** Whether a connection for messages that this peer dialed may stay. @throws Refusal. */
  judge(hello: Hello): void {
    if (!this.#isDecider) return;
    const holding = this.#holdingAgainst(hello);
    if (holding === undefined || holding === hello.lost) return;
    throw refuse('duplicate', 'another connection between the two nodes is in use', holding);
  }

  get #isDecider(): boolean {
    return this.#context.own.raftId < this.raftId;
  }

  /** The nonce of a connection of ours that counts more than one that the peer dialed. */
  #holdingAgainst(hello: Hello): string | undefined {
    const link = this.#link;
    if (link?.isOpen === true && link.isDialedByUs) {
      return link.theirs.session === hello.identity.session ? link.nonce : undefined;
    }
    return this.#dialer.helloNonce;
  }

  /** It was judged, and is being accepted: from now on it is the one. */
  beginIncoming(incoming: Incoming): void {
    this.#incoming?.channel.destroy();
    this.#incoming = incoming;
    if (this.#isDecider) this.#dialer.cancelAttempt();
  }

  /** Whether it still is the one, after `admit` took its time. @throws Refusal. */
  rejudge(incoming: Incoming): void {
    if (this.#isRemoved) throw refuse('busy', 'the peer was removed in this moment');
    if (this.#incoming !== incoming) throw refuse('duplicate', 'a newer connection came meanwhile');
  }

  /** The handshake came to nothing. */
  endIncoming(incoming: Incoming): void {
    if (this.#incoming !== incoming) return;
    this.#incoming = undefined;
    this.#dialer.ensure();
  }

  /** Something for people went wrong with a connection that the peer dialed. */
  noteIncomingError(error: Error): void {
    this.#lastError = error.message;
  }

  acceptIncoming(incoming: Incoming, established: Established): void {
    if (this.#isRemoved || this.#incoming !== incoming) {
      incoming.channel.destroy();
      return;
    }
    this.#incoming = undefined;
    this.#establish(incoming.channel, established, false);
  }

  /**
   * Another process than the one that is connected wants to be this peer, whoever dialed. When the
   * first one answers what it is asked now, both are alive: the second is a twin, for certain. When it
   * does not, it is what a dead process left behind, and its connection is given up.
   * @throws Refusal.
   */
  async outlive(theirs: Identity): Promise<void> {
    for (let link = this.#link; link?.isOpen === true; link = this.#link) {
      if (link.theirs.session === theirs.session) return;
      const sign = await link.callRoll();
      if (sign === 'gone') continue;
      const here = `node ${theirs.nodeId} (raft id ${this.raftId}) is connected already from ${link.remote}`;
      if (sign === 'unclear') {
        throw refuse('busy', `${here}; that process is heard, but does not answer: try again`);
      }
      throw refuse(
        'twin',
        `${here} and answers: a second process runs on the same data folder or on a copy of it. ` +
          'Stop one of them; a copy must never be started',
      );
    }
  }

  /** Whether the peer is connected, and as another process. */
  isOtherThan(theirs: Identity): boolean {
    return this.#link?.isOpen === true && this.#link.theirs.session !== theirs.session;
  }

  // ---- what we dial -----------------------------------------------------------------------------

  #target(): Address | undefined {
    if (this.#isRemoved || this.#link !== undefined || this.#incoming !== undefined)
      return undefined;
    return this.#added?.parsed;
  }

  hello(purpose: Purpose, nonce: string, lost?: string): Hello {
    return {
      type: HandshakeType.Hello,
      versionMin: VERSION_MIN,
      versionMax: VERSION_MAX,
      identity: this.#context.own,
      purpose,
      nonce,
      target: this.raftId,
      lost,
    };
  }

  /** Who answered must be who we dialed. @throws Refusal. */
  checkAnswer(theirs: Identity): void {
    if (theirs.raftId === this.raftId && theirs.nodeId === this.nodeId) return;
    throw refuse(
      'identity',
      `${this.#added?.address} is node ${theirs.nodeId} with raft id ${theirs.raftId}, not node ` +
        `${this.nodeId} with raft id ${this.raftId}; check the addresses`,
    );
  }

  // ---- the connection ---------------------------------------------------------------------------

  #establish(channel: Channel, established: Established, isDialedByUs: boolean): void {
    const { clock, options, logger, events } = this.#context;
    const { theirs, nonce, rest } = established;
    if (this.isOtherThan(theirs)) {
      // The first one came in while this one still shook hands; it is asked at the next attempt.
      channel.destroy();
      return;
    }
    const replaced = this.#link;
    this.#dialer.connected();
    this.#lastError = undefined;
    this.#lastLogged = undefined;
    if (!this.isAdded) this.nodeId = theirs.nodeId;
    if (replaced !== undefined) this.#replace(replaced, theirs);
    const link = new Link({
      channel,
      theirs,
      nonce,
      isDialedByUs,
      queue: this.#queue,
      clock,
      pingIntervalMs: options.pingIntervalMs,
      deadAfterMs: options.deadAfterMs,
      events: {
        frame: (from, type, kind, payload) => this.#frame(from, type, kind, payload),
        closed: (gone, reason, error) => this.#linkClosed(gone, reason, error),
      },
    });
    this.#link = link;
    this.#host.runs(theirs);
    logger.info('peer.connected', {
      peer: theirs.nodeId,
      raftId: theirs.raftId,
      address: channel.remote,
      dialedBy: isDialedByUs ? 'us' : 'them',
    });
    events.connected(this.raftId);
    if (this.#link === link) link.start(rest);
  }

  /**
   * What was on its way on the old connection may be lost; what only waited goes over the new one,
   * unless it was meant for an earlier life of the peer.
   */
  #replace(link: Link, theirs: Identity): void {
    let mayHaveLost = link.sentFrames > 0;
    this.#discardLink();
    if (link.theirs.session === theirs.session) this.#queue.rewind();
    else {
      const dropped = this.#queue.clear();
      this.#droppedFrames += dropped;
      mayHaveLost ||= dropped > 0;
    }
    const error = new Error(`the connection to node ${theirs.nodeId} was replaced by a newer one`);
    if (mayHaveLost) this.#context.events.unreachable(this.raftId, 'closed', error);
  }

  #discardLink(): void {
    const link = this.#link;
    if (link === undefined) return;
    this.#forgetLink(link);
    link.discard();
  }

  #forgetLink(link: Link): void {
    this.#link = undefined;
    this.#sentBefore += link.sentFrames;
    this.#receivedBefore += link.receivedFrames;
  }

  #linkClosed(link: Link, reason: 'closed' | 'timeout', error: Error): void {
    if (this.#link !== link) return;
    this.#forgetLink(link);
    if (!this.#context.isRunning) return;
    this.#dialer.disconnected(this.#context.clock.now() - link.sinceMs);
    this.#fail(reason, error);
    if (!this.isAdded) this.#host.lost();
  }

  #fail(reason: UnreachableReason, error: Error): void {
    this.#droppedFrames += this.#queue.clear();
    this.#lastError = error.message;
    if (this.#lastLogged !== error.message) {
      this.#lastLogged = error.message;
      this.#context.logger.warn('peer.unreachable', {
        peer: this.nodeId,
        raftId: this.raftId,
        reason,
        ...(error instanceof Refusal ? { refusal: error.refusal, by: error.details['by'] } : {}),
        error: error.message,
      });
    }
    this.#context.events.unreachable(this.raftId, reason, error);
  }

  // ---- what comes and goes ----------------------------------------------------------------------

  #frame(link: Link, type: number, kind: number, payload: Uint8Array): void {
    if (this.#link !== link || !this.#context.isRunning) return;
    const { events, logger, own } = this.#context;
    if (type === FrameType.Node) {
      events.frame(this.raftId, kind, payload);
      return;
    }
    // Types that we do not know come from a newer version, which knows that we skip them.
    if (type !== FrameType.Messages) return;
    const decoded = decodeMessages(payload, (error) => {
      logger.error('peer.message-undecodable', { peer: this.nodeId, error: String(error) });
    });
    const isOurs = (message: Message): boolean => message.to === own.raftId;
    const ours = decoded.every(isOurs) ? decoded : decoded.filter(isOurs);
    if (ours !== decoded) {
      logger.error('peer.message-misrouted', { peer: this.nodeId, raftId: own.raftId });
    }
    if (ours.length > 0) events.messages(this.raftId, ours);
  }

  #took(queued: Queued, what: 'message' | 'frame'): boolean {
    if (queued === 'queued') return true;
    this.#droppedFrames += 1;
    if (queued === 'oversized') {
      this.#context.logger.error('peer.oversized', {
        peer: this.nodeId,
        what,
        error: 'it exceeds the limit of a frame and was dropped',
      });
    }
    this.#overflow.note();
    return false;
  }

  #tellOverflow(): void {
    if (!this.#context.isRunning) return;
    const bytes = this.#queue.bytes;
    const error = new ClusterError(
      'OVERLOADED',
      `${bytes} bytes wait for node ${this.nodeId}, or a message is too large: some were dropped`,
      { details: { peer: this.nodeId, queuedBytes: bytes } },
    );
    this.#lastError = error.message;
    this.#context.logger.warn('peer.overflow', { peer: this.nodeId, queuedBytes: bytes });
    this.#context.events.unreachable(this.raftId, 'overflow', error);
  }
}
