/**
 * A watch that outlives connections: it goes on, on whichever node answers, behind the last revision that
 * it has handed out, so that nothing is missed and nothing comes twice.
 *
 * The rule that makes this exact: all events of a revision travel in one item, revisions come in order, and
 * the place to go on from is known from the first answer on (`started`), even when nothing has changed yet.
 * What a node sends ahead is bounded by the credit that it is given, which is renewed as the program takes
 * changes.
 */
import { performance } from 'node:perf_hooks';
import { offAbort, onAbort } from '../abort-signals.ts';
import { ClusterError } from '../errors.ts';
import { CLIENT_BACKOFF_MS_MIN, WATCH_CREDIT_BYTES } from '../limits.ts';
import { decodeWatchItem } from '../protocol/index.ts';
import type { KeyRange, KvChange } from '../state/index.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { NodeConnection, WatchHandle } from './node-connection.ts';
import { verdictOf } from './retry-policy.ts';
import type { Watch } from './types.ts';

export interface WatchPlan {
  readonly range: KeyRange;
  /** 0: the one after the present. */
  readonly from: number;
  readonly local: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onEnded: () => void;
}

interface Taker {
  readonly resolve: (result: IteratorResult<KvChange>) => void;
  readonly reject: (error: ClusterError) => void;
}

export class ClientWatch implements Watch {
  readonly started: Promise<number>;
  readonly #dispatcher: Dispatcher;
  readonly #plan: WatchPlan;
  readonly #ready: { readonly change: KvChange; readonly bytes: number }[] = [];
  readonly #takers: Taker[] = [];
  readonly #onAbort: () => void;
  #resolveStarted!: (revision: number) => void;
  #rejectStarted!: (error: ClusterError) => void;
  /** First revision that was not received yet; 0: not known, wants the one after the present. */
  #from: number;
  #handle: WatchHandle | undefined;
  #taken = 0;
  #hasEnded = false;
  #error: ClusterError | undefined;
  /** Since when no node has taken the watch. */
  #lostAt: number = performance.now();
  #retry: NodeJS.Timeout | undefined;

  constructor(dispatcher: Dispatcher, plan: WatchPlan) {
    this.#dispatcher = dispatcher;
    this.#plan = plan;
    this.#from = plan.from;
    this.started = new Promise((resolve, reject) => {
      this.#resolveStarted = resolve;
      this.#rejectStarted = reject;
    });
    // Who does not look at it learns the same from `next`.
    this.started.catch(() => {});
    this.#onAbort = () => this.end(new ClusterError('ABORTED', 'the watch was given up', READ));
    if (plan.signal?.aborted === true) this.#onAbort();
    else if (plan.signal !== undefined) onAbort(plan.signal, this.#onAbort);
    this.#open();
  }

  next(): Promise<IteratorResult<KvChange>> {
    const ready = this.#ready.shift();
    if (ready !== undefined) {
      this.#giveCredit(ready.bytes);
      return Promise.resolve({ done: false, value: ready.change });
    }
    if (this.#hasEnded) {
      const error = this.#error;
      this.#error = undefined;
      if (error !== undefined) return Promise.reject(error);
      return Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<KvChange>> {
    this.#ready.length = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #open(): void {
    if (this.#hasEnded) return;
    this.#dispatcher.connected(this.#lostAt + this.#plan.timeoutMs).then(
      (connection) => this.#openOn(connection),
      (error: ClusterError) => this.end(error),
    );
  }

  #openOn(connection: NodeConnection): void {
    if (this.#hasEnded) return;
    const held = this.#ready.reduce((sum, { bytes }) => sum + bytes, 0);
    const request = {
      range: this.#plan.range,
      from: this.#from,
      credit: Math.max(0, WATCH_CREDIT_BYTES - held),
    };
    this.#taken = 0;
    this.#handle = connection.openWatch(request, this.#plan.local, {
      item: (body) => this.#received(connection, body),
      ended: (error) => this.#interrupted(connection, error),
    });
  }

  #received(connection: NodeConnection, body: Buffer): void {
    try {
      const item = decodeWatchItem(body);
      if (item.kind === 'heartbeat') {
        // Where to go on from, even when nothing has concerned this watch for long.
        if (this.#from !== 0) this.#from = Math.max(this.#from, item.revision + 1);
        return;
      }
      if (item.kind === 'started') {
        this.#lostAt = Number.POSITIVE_INFINITY;
        this.#dispatcher.works();
        if (this.#from === 0) this.#from = item.revision + 1;
        this.#resolveStarted(this.#from - 1);
        return;
      }
      // A node may repeat what was received just before the connection broke.
      if (item.change.revision < this.#from) this.#giveCredit(body.length);
      else this.#deliver(item.change, body.length);
    } catch (error) {
      connection.destroy(error as ClusterError);
    }
  }

  #deliver(change: KvChange, bytes: number): void {
    this.#from = change.revision + 1;
    const taker = this.#takers.shift();
    if (taker === undefined) {
      this.#ready.push({ change, bytes });
      return;
    }
    this.#giveCredit(bytes);
    taker.resolve({ done: false, value: change });
  }

  /** In portions, so that not each small change costs a frame. */
  #giveCredit(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken < WATCH_CREDIT_BYTES / 4) return;
    this.#handle?.addCredit(this.#taken);
    this.#taken = 0;
  }

  #interrupted(connection: NodeConnection, error: ClusterError | undefined): void {
    this.#handle = undefined;
    if (this.#hasEnded) return;
    const now = performance.now();
    if (this.#lostAt === Number.POSITIVE_INFINITY) this.#lostAt = now;
    const reason = error ?? new ClusterError('NODE_STOPPED', 'the node has ended the watch');
    const verdict = verdictOf(reason, true);
    if (verdict === 'settle' || now >= this.#lostAt + this.#plan.timeoutMs) {
      this.end(reason);
      return;
    }
    if (verdict === 'elsewhere') this.#dispatcher.moveOn(connection, reason);
    this.#retry = setTimeout(() => this.#open(), CLIENT_BACKOFF_MS_MIN);
  }

  /** Idempotent. With an error: what was received is still handed out, then the error. */
  end(error?: ClusterError): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#retry);
    if (this.#plan.signal !== undefined) offAbort(this.#plan.signal, this.#onAbort);
    this.#handle?.cancel();
    this.#plan.onEnded();
    this.#rejectStarted(error ?? new ClusterError('ABORTED', 'the watch was ended', READ));
    const takers = this.#takers.splice(0);
    const first = error === undefined ? undefined : takers.shift();
    if (error !== undefined && first === undefined) this.#error = error;
    first?.reject(error!);
    for (const taker of takers) taker.resolve({ done: true, value: undefined });
  }
}

/** A read changes nothing. */
const READ = { retryable: 'yes' } as const;
