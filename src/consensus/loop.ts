/**
 * The loop that ties the pure core to the storage, the transport and the replicated state.
 *
 * It never waits. Every input (a message, a tick, a proposal, a finished write) changes the core at
 * once and asks for a turn; a turn takes what waits, lets the core say what is to be done, and starts
 * it: appends go to the storage, messages to the peers, side by side; committed entries to the state
 * machine. What finishes later is another input. So while one batch is synced the next one gathers.
 *
 * The rules that it protects:
 * - What depends on durability (votes, acknowledgements) leaves only as the response of the append
 *   that holds it: the core runs with asynchronous storage writes, which tie the two together.
 * - A candidate asks for votes only once its own term, vote and log are durable, if it still is one. The
 *   core would ask at once. But who crashed, forgot the term and the end of its log, and came to the same
 *   term again could then be elected by grants of its first try, with a log that they were not given for.
 * - After a fault nothing leaves any more; whatever comes back after an `await` checks that first.
 * - A snapshot is installed in the storage's order: what is to be stored after it waits for it.
 */
import { assert, codeOf } from '../errors.ts';
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type HardState,
  type LogIndex,
  type Message,
  MessageType,
  NONE,
  type RaftId,
  type RawNode,
  type Ready,
  StateType,
  type Term,
} from '../raft/index.ts';
import type { Storage } from '../storage/index.ts';
import type { Transport } from '../transport/index.ts';
import type { Clock, Logger } from '../world/index.ts';
import { applyEntries } from './applier.ts';
import type { CommitNotices } from './commit-notices.ts';
import { storageFailure } from './complaints.ts';
import type { DiskWatch } from './disk-watch.ts';
import { encodeAnswers, encodeProposals, FrameKind } from './forwarding.ts';
import type { MembershipChanges } from './membership-changes.ts';
import type { ForwardAnswer, LocalProposal } from './proposal.ts';
import type { Proposals } from './proposals.ts';
import type { Reads } from './reads.ts';
import type { ReadyObservers } from './ready-observers.ts';
import type { Replica } from './replica.ts';
import type { Snapshots } from './snapshots.ts';
import { encodeStateClaim, type StateClaim, type StateHashes } from './state-hashes.ts';
import { IGNORED_STEP_ERRORS, unlessUnknownPeer } from './step-errors.ts';

/** After that long in one turn, in ms, sockets and timers get theirs: a replay must not cost heartbeats. */
const TURN_MS_MAX = 10;

export interface LoopHost {
  readonly core: RawNode;
  readonly clock: Clock;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly logger: Logger;
  readonly replica: Replica;
  readonly proposals: Proposals;
  readonly changes: MembershipChanges;
  readonly reads: Reads;
  readonly snapshots: Snapshots;
  readonly diskWatch: DiskWatch;
  readonly stateHashes: StateHashes;
  readonly notices: CommitNotices;
  readonly observers: ReadyObservers;
  readonly loadBytesMax: number;
  /** False once the node has failed or stopped: then nothing changes and nothing leaves. */
  takesPart(): boolean;
  /** Leader, role or term may be others now. */
  leadershipChanged(): void;
  membersChanged(): void;
  /** The state machine takes over the newest snapshot of the storage. */
  restoreNewest(): Promise<void>;
  fail(error: unknown): void;
}

/** A place in the log. Another term at the index means that what was put there is gone for good. */
export interface Place {
  readonly index: LogIndex;
  readonly term: Term;
}

export class Loop {
  readonly #host: LoopHost;
  readonly #core: RawNode;
  #role: StateType = StateType.Follower;
  #leaderId: RaftId = NONE;
  #term: Term = 0;
  #turnAsked = false;
  /** Answers to followers' proposals, gathered during a turn. */
  #answers = new Map<RaftId, ForwardAnswer[]>();
  /** Ends when the snapshot that is being installed, and all that was stored after it, is durable. */
  #installing: Promise<void> | undefined;
  /** For votes, until the append of the same Ready, which holds the own one. */
  #requests: Message[] = [];

  readonly #nextTurn: () => void = () => this.#turn();

  constructor(host: LoopHost) {
    this.#host = host;
    this.#core = host.core;
  }

  get role(): StateType {
    return this.#role;
  }

  get leaderId(): RaftId {
    return this.#leaderId;
  }

  // ---- turns -------------------------------------------------------------------------------------

  /** There may be something to do. Whatever else arrives before the turn is done with it. */
  askTurn(): void {
    if (this.#turnAsked || !this.#host.takesPart()) return;
    this.#turnAsked = true;
    this.#host.clock.soon(this.#nextTurn);
  }

  /** Runs an input into the core; a broken rule stops the node. */
  guard(input: () => void): void {
    if (!this.#host.takesPart()) return;
    try {
      input();
      this.askTurn();
    } catch (error) {
      this.#host.fail(error);
    }
  }

  #turn(): void {
    this.#turnAsked = false;
    if (!this.#host.takesPart()) return;
    try {
      if (this.#takeTurn()) this.askTurn();
    } catch (error) {
      this.#host.fail(error);
    }
    this.#host.proposals.tellApplied();
  }

  /** Whether there is more to do already. What a peer or the disk must say first is no reason to ask. */
  #takeTurn(): boolean {
    const { clock, proposals, reads, transport } = this.#host;
    this.#placeQueued();
    const notTaken = proposals.queued;
    reads.ask();
    const until = clock.now() + TURN_MS_MAX;
    while (this.#core.hasReady()) {
      this.#handleReady(this.#core.ready());
      if (clock.now() >= until) break;
    }
    this.#sendAnswers();
    transport.flush();
    return this.#core.hasReady() || proposals.queued > notTaken;
  }

  /**
   * By what the core is now, not by what its last Ready said: what waits goes into the log of one that was
   * elected a moment ago together with its first entry.
   */
  #placeQueued(): void {
    const { proposals } = this.#host;
    const { heir, id, softState } = this.#core;
    const { state, lead } = softState;
    if (state === StateType.Leader) proposals.appendQueued();
    // Who votes for the heir of a leader sends it what waits at once; it has that until all is decided.
    else if (state === StateType.Candidate || heir === id) proposals.keepQueued();
    else proposals.forwardQueued(lead === NONE ? heir : lead);
  }

  #handleReady(ready: Ready): void {
    const { softState, hardState, readStates, messages, logReads } = ready;
    this.#host.observers.observe(this.#core.id, ready);
    if (softState !== undefined) {
      this.#role = softState.state;
      this.#leaderId = softState.lead;
    }
    const hasNewTerm = hardState !== undefined && hardState.term !== this.#term;
    if (hasNewTerm) this.#term = hardState.term;
    if (softState !== undefined || hasNewTerm) this.#host.leadershipChanged();
    if (readStates.length > 0) {
      this.#host.reads.answered(readStates);
      // Those that gathered meanwhile are asked for in the same turn.
      this.#host.reads.ask();
    }
    // Peers first: they have the longer way, and applying may take its time.
    for (const message of messages) if (!isForLocalThread(message)) this.#route(message);
    this.#host.transport.flush();
    for (const message of messages) if (isForLocalThread(message)) this.#route(message);
    assert(this.#requests.length === 0, 'a request for votes comes with the own vote to be stored');
    for (const { lo, hi } of logReads) this.#loadLog(lo, hi);
  }

  #route(message: Message): void {
    if (message.to === APPEND_THREAD) this.#append(message);
    else if (message.to === APPLY_THREAD) this.#apply(message);
    else if (message.to === this.#core.id) this.#stepQuietly(message);
    else if (message.type === MessageType.Snap) this.#host.snapshots.send(message);
    else if (message.type === MessageType.Vote) this.#requests.push(message);
    else this.#host.notices.send(message);
  }

  // ---- local threads -----------------------------------------------------------------------------

  /** The log writer: what the core wants durable, and what may leave once it is. */
  #append(message: Message): void {
    const { storage, diskWatch } = this.#host;
    const isDurable = diskWatch.begin();
    const { entries, snapshot } = message;
    const requests = this.#requests;
    this.#requests = [];
    const hardState = hardStateOf(message);
    const batch = hardState === undefined ? { entries } : { entries, hardState };
    let done: Promise<void>;
    if (snapshot !== undefined) {
      const before = this.#installing ?? Promise.resolve();
      done = before.then(() => this.#install(message)).then(() => storage.append(batch));
      this.#installing = done;
    } else if (this.#installing !== undefined) {
      done = this.#installing.then(() => storage.append(batch));
      this.#installing = done;
    } else done = storage.append(batch);
    done.then(
      () => {
        isDurable();
        this.#appended(message, requests, done);
      },
      (error: unknown) => this.#host.fail(storageFailure(error)),
    );
  }

  #appended(message: Message, requests: readonly Message[], done: Promise<void>): void {
    if (this.#installing === done) this.#installing = undefined;
    this.guard(() => {
      for (const request of requests) this.#ask(request);
      for (const response of message.responses ?? []) this.#route(response);
    });
  }

  #ask(request: Message): void {
    // Another one leads the term, or has come further, and this log may be another one by now.
    if (this.#role !== StateType.Candidate || this.#term !== request.term) return;
    unlessUnknownPeer(() => this.#host.transport.send(request));
  }

  /** A snapshot's file is durable here: it becomes the beginning of the log, and the state. */
  async #install(message: Message): Promise<void> {
    const { storage, snapshots, proposals, changes, reads, logger } = this.#host;
    const { snapshot } = message;
    if (snapshot === undefined || !this.#host.takesPart()) return;
    snapshots.replacing();
    await storage.installSnapshot(snapshot, hardStateOf(message));
    await this.#host.restoreNewest();
    // Whoever has an answer by this is told at the end of a turn.
    this.guard(() => {
      const { index, term } = snapshot.metadata;
      this.#host.membersChanged();
      snapshots.installed(index);
      proposals.skippedTo(index);
      changes.skippedTo(index);
      reads.release();
      logger.info('snapshot.installed', { index, term });
    });
  }

  /** The state machine: synchronous, so that its response is stepped at once. */
  #apply(message: Message): void {
    const { replica, proposals, changes, reads, snapshots } = this.#host;
    const bytes = applyEntries(
      {
        replica,
        proposals,
        changes,
        applyConfChange: (change) => this.#core.applyConfChange(change),
        membersChanged: () => {
          this.#host.membersChanged();
          this.#host.notices.hurry();
        },
        hashReached: (index, hash) => this.#host.stateHashes.applied(index, hash),
      },
      message.entries,
    );
    for (const response of message.responses ?? []) this.#route(response);
    reads.release();
    snapshots.applied(bytes);
    // What the core refused while too much was uncommitted has room now.
    if (proposals.queued > 0) this.askTurn();
  }

  #loadLog(lo: LogIndex, hi: LogIndex): void {
    const done = (): void => this.guard(() => this.#core.logReadDone());
    this.#host.storage.load(lo, hi, this.#host.loadBytesMax).then(done, (error: unknown) => {
      // Compacted meanwhile: the core sees it when it asks again, and sends the snapshot instead.
      if (codeOf(error) === 'LOG_COMPACTED' || codeOf(error) === 'LOG_UNAVAILABLE') done();
      else this.#host.fail(storageFailure(error));
    });
  }

  step(message: Message): void {
    this.guard(() => this.#stepQuietly(message));
  }

  /** Confused or foreign messages change nothing; a node's answer to itself may come after its removal. */
  #stepQuietly(message: Message): void {
    try {
      this.#core.step(message);
    } catch (error) {
      const code = codeOf(error);
      if (!IGNORED_STEP_ERRORS.has(code)) throw error;
      this.#host.logger.debug('message.ignored', { from: message.from, type: message.type, code });
    }
  }

  // ---- to the log and to peers -------------------------------------------------------------------

  /** Where the envelope stands in the log, or `undefined` when the core does not take it now. */
  propose(envelope: Uint8Array): Place | undefined {
    return this.placeOf(() => this.#core.propose(envelope));
  }

  placeOf(propose: () => void): Place | undefined {
    try {
      propose();
    } catch (error) {
      if (codeOf(error) === 'PROPOSAL_DROPPED') return undefined;
      throw error;
    }
    return { index: this.#core.lastIndex, term: this.#core.term };
  }

  askReadIndex(context: Uint8Array): boolean {
    if (this.#leaderId === NONE) return false;
    this.#core.readIndex(context);
    return true;
  }

  forward(to: RaftId, proposals: readonly LocalProposal[]): boolean {
    return this.sendFrame(to, FrameKind.Proposals, [encodeProposals(proposals)]);
  }

  sendStateClaim(to: RaftId, claim: StateClaim): void {
    this.sendFrame(to, FrameKind.StateHash, [encodeStateClaim(claim)]);
  }

  answer(to: RaftId, answer: ForwardAnswer): void {
    const answers = this.#answers.get(to);
    if (answers === undefined) this.#answers.set(to, [answer]);
    else answers.push(answer);
    this.askTurn();
  }

  #sendAnswers(): void {
    if (this.#answers.size === 0) return;
    const all = this.#answers;
    this.#answers = new Map();
    for (const [to, answers] of all) {
      for (const frame of encodeAnswers(answers)) this.sendFrame(to, FrameKind.Answers, [frame]);
    }
  }

  /** A frame of the node's own; false when it was dropped. */
  sendFrame(to: RaftId, kind: number, payload: readonly Uint8Array[]): boolean {
    this.#host.notices.release(to);
    return unlessUnknownPeer(() => this.#host.transport.sendFrame(to, kind, payload)) ?? false;
  }
}

function isForLocalThread({ to }: Message): boolean {
  return to === APPEND_THREAD || to === APPLY_THREAD;
}

/** A storage message carries its hard state in three fields; all zero means that it did not change. */
function hardStateOf({ term, vote, commit }: Message): HardState | undefined {
  return term === 0 && vote === NONE && commit === 0 ? undefined : { term, vote, commit };
}
