/**
 * Brings calls to a node and their answers back: one connection at a time, many calls on it, another node
 * when this one is gone, silent or unfit, until each call's own deadline.
 *
 * Rules:
 * - A call is sent again only when that can do no harm (`PendingCall.mayRepeat`), or when it surely had no
 *   effect. Otherwise its outcome is unknown, and is called so.
 * - Everything that waits is in `#outstanding`, which is bounded, and has a deadline that one coarse timer
 *   looks after; the timer runs only while there is something to look after.
 * - Deadlines are looked at after pending input was read: a program that was held up finds the answers in
 *   its socket first.
 */
import { performance } from 'node:perf_hooks';
import { ClusterError } from '../errors.ts';
import {
  CLIENT_ATTEMPT_MS,
  CLIENT_BACKOFF_MS_MAX,
  CLIENT_BACKOFF_MS_MIN,
  CLIENT_HANDSHAKE_FIRST_MS_MAX,
  CLIENT_HANDSHAKE_MS_MAX,
  CLIENT_QUEUE_MAX,
  REQUEST_TIMEOUT_MS_MAX,
} from '../limits.ts';
import { OutstandingCalls, WaitingCalls } from './call-lists.ts';
import type { NodeAddress } from './node-address.ts';
import { connectionFailed, NodeConnection } from './node-connection.ts';
import type { PendingCall } from './pending-call.ts';
import { verdictOf } from './retry-policy.ts';

const SWEEP_MS = 20;
/** While there are watches only: they have no deadline, but their node may fall silent. */
const SWEEP_SLOW_MS = 500;
/** A sweep that comes so much later than it should tells that this process itself was held up. */
const SWEEP_LATE_MS = 200;
/** The node gives up a little earlier than the caller, so that its reasons arrive in time. */
const ANSWER_MARGIN_MS_MAX = 100;
/** And on an attempt that is not the last, so much later than the node itself should have. */
const ATTEMPT_GRACE_MS = 250;

interface ConnectionWaiter {
  readonly deadlineAt: number;
  readonly resolve: (connection: NodeConnection) => void;
  readonly reject: (error: ClusterError) => void;
}

export class Dispatcher {
  readonly #addresses: readonly NodeAddress[];
  readonly #failures: Map<string, string> = new Map();
  readonly #outstanding: OutstandingCalls = new OutstandingCalls();
  /** Of those, the ones that pause before another attempt. */
  readonly #delayed: Set<PendingCall> = new Set();
  readonly #waiting: WaitingCalls = new WaitingCalls();
  readonly #connections: Set<NodeConnection> = new Set();
  readonly #waiters: Set<ConnectionWaiter> = new Set();
  readonly #closing: AbortController = new AbortController();
  /** As `#closing` says; the signal is too slow to ask it for every call. */
  #isClosed = false;
  #connection: NodeConnection | undefined;
  #isConnecting = false;
  #at = 0;
  /** Nodes that failed in a row since anything was answered. */
  #misses = 0;
  #backoff: { readonly timer: NodeJS.Timeout; readonly wake: () => void } | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #sweepMs = SWEEP_MS;
  #sweptAt = 0;

  constructor(addresses: readonly NodeAddress[]) {
    this.#addresses = addresses;
  }

  get node(): string | undefined {
    return this.#connection?.address.text;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes the call under its care; `route` sends it on its way. Fails it when there is no room. */
  admit(call: PendingCall): boolean {
    if (this.isClosed) {
      call.giveUp(clientClosed());
      return false;
    }
    if (this.#outstanding.size >= CLIENT_QUEUE_MAX) {
      call.giveUp(
        new ClusterError(
          'OVERLOADED',
          `${CLIENT_QUEUE_MAX} calls wait in this client already; wait for some of them first`,
        ),
      );
      return false;
    }
    this.#outstanding.add(call);
    if (this.#sweeper === undefined || this.#sweepMs > SWEEP_MS) this.#watchOver();
    return true;
  }

  /** `now`: when it is known, to spare another look at the clock. */
  route(call: PendingCall, now: number = performance.now()): void {
    if (call.isSettled) return;
    const connection = this.#connection;
    const isNext = this.#waiting.isEmpty && connection?.hasRoom === true;
    if (isNext) {
      this.#send(connection, call, now);
      return;
    }
    this.#waiting.push(call);
    this.#pump();
  }

  /** The connection, when there is one. @throws CONNECTION_FAILED, CLIENT_CLOSED. */
  connected(deadlineAt: number): Promise<NodeConnection> {
    if (this.isClosed) return Promise.reject(clientClosed());
    if (this.#connection?.isOpen === true) {
      this.#watchOver(SWEEP_SLOW_MS);
      return Promise.resolve(this.#connection);
    }
    return new Promise((resolve, reject) => {
      this.#waiters.add({ deadlineAt, resolve, reject });
      this.#watchOver();
      this.#connectSoon();
    });
  }

  /** What is in flight on it may still be answered; everything else goes to the next node. */
  moveOn(from: NodeConnection, error: ClusterError): void {
    if (this.#connection !== from) return;
    this.#failures.set(from.address.text, error.message);
    this.#connection = undefined;
    this.#misses++;
    this.#at = (this.#at + 1) % this.#addresses.length;
    this.#retire(from);
    this.#pump();
  }

  /** A stream works: whatever failed before is forgotten. */
  works(): void {
    this.#misses = 0;
  }

  /** Gives up every call that is not settled yet. */
  failAll(): void {
    for (const call of this.#outstanding.all()) {
      call.isUncertain ||= call.isWrite && call.sentTo?.holds(call) === true;
      this.#outstanding.delete(call);
      call.giveUp(clientClosed());
    }
  }

  /** Sends what is queued, then ends everything. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closing.abort();
    this.failAll();
    for (const waiter of this.#waiters) waiter.reject(clientClosed());
    this.#waiters.clear();
    for (const connection of this.#connections) connection.end(clientClosed());
    this.#connection = undefined;
    this.#backoff?.wake();
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  /** CONNECTION_FAILED with each address tried and why. */
  unreachable(): ClusterError {
    const tried = this.#addresses.map(({ text }) => ({
      node: text,
      problem: this.#failures.get(text) ?? 'not tried yet',
    }));
    const list = tried
      .map(({ node, problem }) => (problem.startsWith(node) ? problem : `${node}: ${problem}`))
      .join('; ');
    return new ClusterError('CONNECTION_FAILED', `no node could be reached: ${list}`, {
      details: { tried },
    });
  }

  // ---- sending --------------------------------------------------------------------------------

  #pump(): void {
    if (this.#waiting.isEmpty) return;
    const connection = this.#connection;
    if (connection === undefined || !connection.isOpen) {
      this.#connectSoon();
      return;
    }
    const now = performance.now();
    while (connection.hasRoom) {
      const call = this.#waiting.shift();
      if (call === undefined) return;
      if (!call.isSettled) this.#send(connection, call, now);
    }
  }

  #send(connection: NodeConnection, call: PendingCall, now: number): void {
    const left = call.deadlineAt - now;
    const share = CLIENT_ATTEMPT_MS * 2 ** Math.min(call.attempts, 10);
    const isLast = !call.mayRepeat || left <= share * 1.5;
    const timeoutMs = isLast ? left - Math.min(left * 0.05, ANSWER_MARGIN_MS_MAX) : share;
    call.attempts++;
    call.attemptEndsAt = isLast ? Number.POSITIVE_INFINITY : now + timeoutMs + ATTEMPT_GRACE_MS;
    call.timeoutMs = Math.min(REQUEST_TIMEOUT_MS_MAX, Math.max(1, Math.floor(timeoutMs)));
    connection.send(call);
  }

  // ---- connecting -----------------------------------------------------------------------------

  #connectSoon(): void {
    if (this.#isConnecting || this.isClosed) return;
    this.#isConnecting = true;
    this.#connectLoop().finally(() => {
      this.#isConnecting = false;
      if (this.#connection === undefined && this.#isWanted()) this.#connectSoon();
    });
  }

  #isWanted(): boolean {
    return !this.isClosed && (!this.#waiting.isEmpty || this.#waiters.size > 0);
  }

  async #connectLoop(): Promise<void> {
    while (this.#isWanted() && this.#connection === undefined) {
      if (this.#misses >= this.#addresses.length) await this.#pause();
      if (!this.#isWanted()) return;
      const address = this.#addresses[this.#at]!;
      try {
        const limitMs = this.#handshakeMs();
        this.#adopt(await NodeConnection.open(address, this.#closing.signal, limitMs));
      } catch (error) {
        this.#failures.set(address.text, (error as Error).message);
        this.#misses++;
        this.#at = (this.#at + 1) % this.#addresses.length;
      }
    }
  }

  /** Short while there are others to try, and patient once all have failed. */
  #handshakeMs(): number {
    const isFirstRound = this.#misses < this.#addresses.length - 1;
    return isFirstRound ? CLIENT_HANDSHAKE_FIRST_MS_MAX : CLIENT_HANDSHAKE_MS_MAX;
  }

  /** Grows with each round in which every node failed; scattered, so that clients do not come in step. */
  #pause(): Promise<void> {
    const rounds = Math.floor(this.#misses / this.#addresses.length) - 1;
    const longest = Math.min(CLIENT_BACKOFF_MS_MAX, CLIENT_BACKOFF_MS_MIN * 2 ** rounds);
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(this.#backoff?.timer);
        this.#backoff = undefined;
        resolve();
      };
      this.#backoff = { timer: setTimeout(wake, longest * (0.5 + Math.random() / 2)), wake };
    });
  }

  #adopt(connection: NodeConnection): void {
    this.#connections.add(connection);
    connection.listen({
      answered: (call, bytes, start, end) => this.#answered(call, bytes, start, end),
      refused: (call, error) => this.#refused(connection, call, error),
      closed: (error, unanswered) => this.#lost(connection, error, unanswered),
    });
    if (this.isClosed) {
      connection.end(clientClosed());
      return;
    }
    this.#connection = connection;
    for (const waiter of this.#waiters) waiter.resolve(connection);
    this.#waiters.clear();
    this.#pump();
  }

  /** Ends it as soon as nothing is in flight on it; the sweep looks again. */
  #retire(connection: NodeConnection): void {
    if (connection.isIdle) connection.end(clientClosed());
  }

  // ---- answers --------------------------------------------------------------------------------

  #answered(call: PendingCall, bytes: Buffer, start: number, end: number): void {
    this.#misses = 0;
    this.#outstanding.delete(call);
    call.succeed(bytes, start, end);
    this.#pump();
  }

  #refused(connection: NodeConnection, call: PendingCall, error: ClusterError): void {
    if (call.isSettled) return;
    const verdict = verdictOf(error, call.mayRepeat);
    if (error.retryable === 'unknown-outcome') call.isUncertain = true;
    call.lastError = error;
    if (verdict === 'settle') {
      this.#outstanding.delete(call);
      call.refuse(error);
    } else {
      call.attemptEndsAt = Number.POSITIVE_INFINITY;
      this.#tryAgain(call, verdict === 'elsewhere' ? this.#addresses.length : 1);
    }
    if (verdict === 'elsewhere') this.moveOn(connection, error);
    else this.#pump();
  }

  /** At once for the first few attempts, then with growing pauses: a refusal may come back in no time. */
  #tryAgain(call: PendingCall, attemptsAtOnce: number): void {
    const excess = call.attempts - attemptsAtOnce;
    if (excess <= 0) {
      this.#waiting.push(call);
      return;
    }
    const pause = Math.min(CLIENT_BACKOFF_MS_MAX, CLIENT_BACKOFF_MS_MIN * 2 ** (excess - 1));
    call.resumeAt = performance.now() + pause;
    this.#delayed.add(call);
  }

  #lost(connection: NodeConnection, error: ClusterError, unanswered: readonly PendingCall[]): void {
    this.#connections.delete(connection);
    for (const call of unanswered) this.#attemptLost(call, error);
    if (this.#connection === connection) {
      this.#connection = undefined;
      this.#failures.set(connection.address.text, error.message);
      this.#misses++;
      this.#at = (this.#at + 1) % this.#addresses.length;
    }
    this.#pump();
  }

  /** Without an answer: whether it took effect is not known. */
  #attemptLost(call: PendingCall, error: ClusterError): void {
    if (call.isSettled) return;
    call.isUncertain ||= call.isWrite;
    call.lastError ??= error;
    call.attemptEndsAt = Number.POSITIVE_INFINITY;
    if (call.mayRepeat && !this.isClosed) {
      this.#waiting.push(call);
      return;
    }
    this.#outstanding.delete(call);
    call.giveUp(error);
  }

  // ---- time -----------------------------------------------------------------------------------

  #watchOver(everyMs: number = SWEEP_MS): void {
    if (this.isClosed || (this.#sweeper !== undefined && this.#sweepMs <= everyMs)) return;
    this.#startSweeper(everyMs);
  }

  #startSweeper(everyMs: number): void {
    clearInterval(this.#sweeper);
    this.#sweptAt = performance.now();
    this.#sweepMs = everyMs;
    this.#sweeper = setInterval(() => setImmediate(() => this.#sweep()), everyMs);
  }

  #sweep(): void {
    if (this.#sweeper === undefined) return;
    const now = performance.now();
    const isLate = now - this.#sweptAt > this.#sweepMs + SWEEP_LATE_MS;
    this.#sweptAt = now;
    for (const call of this.#outstanding.all()) this.#check(call, now);
    for (const call of this.#delayed) {
      if (!call.isSettled && call.resumeAt > now) continue;
      this.#delayed.delete(call);
      this.route(call);
    }
    for (const waiter of this.#waiters) {
      if (waiter.deadlineAt > now) continue;
      this.#waiters.delete(waiter);
      waiter.reject(this.unreachable());
    }
    let hasStreams = false;
    for (const connection of this.#connections) {
      if (connection !== this.#connection) this.#retire(connection);
      if (connection.isIdle) continue;
      hasStreams = true;
      connection.checkAlive(now, isLate);
    }
    if (this.#outstanding.size > 0 || this.#waiters.size > 0) return;
    if (hasStreams) {
      if (this.#sweepMs !== SWEEP_SLOW_MS) this.#startSweeper(SWEEP_SLOW_MS);
      return;
    }
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #check(call: PendingCall, now: number): void {
    if (call.isSettled) {
      // Aborted by its caller.
      this.#outstanding.delete(call);
    } else if (now >= call.deadlineAt) {
      call.isUncertain ||= call.isWrite && call.sentTo?.holds(call) === true;
      const error = this.#whyLate(call);
      this.#outstanding.delete(call);
      call.giveUp(error);
    } else if (now >= call.attemptEndsAt) {
      this.#attemptTimedOut(call);
    }
  }

  #attemptTimedOut(call: PendingCall): void {
    call.attemptEndsAt = Number.POSITIVE_INFINITY;
    const connection = call.sentTo;
    if (connection === undefined) return;
    connection.abandon(call);
    const error = connectionFailed(connection.address, new Error('it took too long to answer'));
    this.#attemptLost(call, error);
    this.moveOn(connection, error);
    this.#pump();
  }

  #whyLate(call: PendingCall): ClusterError {
    const last = call.lastError ?? call.waitsFor?.lastError;
    const isAboutNodes = last === undefined || last.code === 'CONNECTION_FAILED';
    if (this.#connection === undefined && isAboutNodes) return this.unreachable();
    if (last !== undefined) return last;
    return new ClusterError(
      'DEADLINE_EXCEEDED',
      `${this.node ?? 'the node'} did not answer before the deadline`,
    );
  }
}

function clientClosed(): ClusterError {
  return new ClusterError('CLIENT_CLOSED', 'the client was closed');
}
