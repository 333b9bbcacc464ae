/**
 * Gives writes their request ids: opens the session with the first write, holds writes back while there is
 * none (or while too many ids are open), and begins anew when the cluster has forgotten the session.
 */
import { performance } from 'node:perf_hooks';
import type { RequestId } from '../consensus/index.ts';
import type { ClusterError } from '../errors.ts';
import { CLIENT_SESSION_REST_MS } from '../limits.ts';
import { decodeU64, OP } from '../protocol/index.ts';
import { WaitingCalls } from './call-lists.ts';
import type { Dispatcher } from './dispatcher.ts';
import { type OnSettled, PendingCall } from './pending-call.ts';
import { RequestIds } from './request-ids.ts';

const NOTHING: Uint8Array = new Uint8Array(0);

interface IdWaiter {
  readonly resolve: (request: RequestId) => void;
  readonly reject: (error: ClusterError) => void;
}

export class SessionKeeper {
  readonly #dispatcher: Dispatcher;
  readonly #timeoutMs: number;
  #ids: RequestIds | undefined;
  #held: WaitingCalls = new WaitingCalls();
  #idWaiters: IdWaiter[] = [];
  #opening: PendingCall | undefined;
  /** Of the session, by a write that was settled. */
  #usedAt = 0;

  readonly #now: () => number;
  readonly #onSettled: OnSettled = (call, certain, error) => this.#settled(call, certain, error);

  constructor(
    dispatcher: Dispatcher,
    timeoutMs: number,
    now: () => number = () => performance.now(),
  ) {
    this.#dispatcher = dispatcher;
    this.#timeoutMs = timeoutMs;
    this.#now = now;
  }

  get session(): number | undefined {
    return this.#ids?.session;
  }

  /** Sends the write on its way as soon as it has an id. The dispatcher has admitted it already. */
  route(call: PendingCall, now?: number): void {
    this.#leaveWhenRested();
    call.onSettled = this.#onSettled;
    if (call.request !== undefined) {
      call.request = this.#ids?.refreshed(call.request) ?? call.request;
      this.#dispatcher.route(call);
      return;
    }
    if (this.#held.isEmpty && this.#ids?.hasRoom === true) {
      call.request = this.#ids.take(false);
      this.#dispatcher.route(call, now);
      return;
    }
    this.#held.push(call);
    call.waitsFor = this.#opening;
    this.#openIfNeeded();
  }

  /** An id that the caller may use for one write, now or later. */
  take(): Promise<RequestId> {
    this.#leaveWhenRested();
    if (this.#ids?.hasRoom === true) return Promise.resolve(this.#ids.take(true));
    return new Promise((resolve, reject) => {
      this.#idWaiters.push({ resolve, reject });
      this.#openIfNeeded();
    });
  }

  /**
   * The cluster ends a session that rests for long. When nothing of it is open, nothing is lost by leaving it
   * first; a program's first write after a quiet night then does not fail.
   */
  #leaveWhenRested(): void {
    if (this.#ids?.isSettled !== true) return;
    if (this.#now() - this.#usedAt > CLIENT_SESSION_REST_MS) this.#ids = undefined;
  }

  #settled(call: PendingCall, certain: boolean, error: ClusterError | undefined): void {
    const { request } = call;
    if (request === undefined || this.#ids?.session !== request.session) return;
    if (error?.code === 'SESSION_EXPIRED') {
      this.#ids = undefined;
      if (this.#isWantedBySome) this.#openIfNeeded();
      return;
    }
    this.#ids.settled(request, certain);
    // Only asked for while nothing is open.
    if (this.#ids.isSettled) this.#usedAt = this.#now();
    if (this.#isWantedBySome) this.#release();
  }

  #release(): void {
    const ids = this.#ids;
    if (ids === undefined) return;
    while (this.#idWaiters.length > 0 && ids.hasRoom)
      this.#idWaiters.shift()?.resolve(ids.take(true));
    while (!this.#held.isEmpty && ids.hasRoom) {
      const call = this.#held.shift();
      if (call === undefined || call.isSettled) continue;
      call.request = ids.take(false);
      this.#dispatcher.route(call);
    }
  }

  get #isWantedBySome(): boolean {
    return !this.#held.isEmpty || this.#idWaiters.length > 0;
  }

  #openIfNeeded(): void {
    if (this.#ids !== undefined || this.#opening !== undefined) return;
    const call = new PendingCall({
      op: OP.openSession,
      body: NOTHING,
      decode: (bytes, start, end) => decodeU64(bytes.subarray(start, end)),
      local: false,
      // One that is opened twice is closed by the cluster when it is used least.
      isWrite: false,
      isRepeatable: true,
      request: undefined,
      deadlineAt: performance.now() + this.#timeoutMs,
      signal: undefined,
    });
    this.#opening = call;
    for (const held of this.#held.all()) held.waitsFor = call;
    call.answer.then(
      (session) => {
        this.#opening = undefined;
        this.#ids = new RequestIds(session);
        this.#usedAt = this.#now();
        this.#release();
      },
      (error: ClusterError) => {
        this.#opening = undefined;
        this.#openingFailed(error);
      },
    );
    if (this.#dispatcher.admit(call)) this.#dispatcher.route(call);
  }

  #openingFailed(error: ClusterError): void {
    for (const waiter of this.#idWaiters) waiter.reject(error);
    this.#idWaiters = [];
    const held = this.#held.all().filter((call) => !call.isSettled);
    this.#held = new WaitingCalls();
    const isOver = error.retryable !== 'yes' && error.code !== 'NODE_FAILED';
    const canPass = !isOver && !this.#dispatcher.isClosed;
    for (const call of held) {
      call.lastError = error;
      if (canPass) this.#held.push(call);
      else call.fail(error);
    }
    if (!this.#held.isEmpty) this.#openIfNeeded();
  }
}
