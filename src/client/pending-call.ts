/**
 * One call of a program, from when it is made until it is settled, over as many attempts as its deadline
 * has room for.
 *
 * The rule it protects: what may have taken effect is never called failed. `isUncertain` is set as soon
 * as an attempt ended without an answer, and from then on only what the log says of the same request id
 * clears it; when that does not come, the error is OUTCOME_UNKNOWN whatever came last. A write with an id
 * of the caller's begins so: he may repeat one whose outcome he does not know.
 *
 * It is the only object that a call makes on its way, with the one promise that the caller holds: it is
 * the header of its own request, reads its own answer, and carries its own place in the lists that hold it.
 */
import type { Buffer } from 'node:buffer';
import { offAbort, onAbort } from '../abort-signals.ts';
import type { RequestId } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import type { Op, RequestHeader } from '../protocol/index.ts';
import type { NodeConnection } from './node-connection.ts';

/** What the caller gets, read from the answer's body, which lies in `bytes` from `start` to `end`. */
export type Decode<T> = (bytes: Buffer, start: number, end: number) => T;

export interface CallPlan<T = unknown> {
  readonly op: Op;
  readonly body: Uint8Array;
  readonly decode: Decode<T>;
  readonly local: boolean;
  /** May change something, so that an answer that is lost leaves the outcome unknown. */
  readonly isWrite: boolean;
  /** Fine to do twice even without a request id. */
  readonly isRepeatable: boolean;
  readonly request: RequestId | undefined;
  readonly deadlineAt: number;
  readonly signal: AbortSignal | undefined;
}

/** Told once, however the call ends: `certain` is false when the outcome is unknown. */
export type OnSettled = (call: PendingCall, certain: boolean, error?: ClusterError) => void;

export class PendingCall<T = unknown> implements RequestHeader {
  readonly op: Op;
  readonly body: Uint8Array;
  readonly local: boolean;
  readonly isWrite: boolean;
  readonly deadlineAt: number;
  readonly signal: AbortSignal | undefined;
  readonly answer: Promise<T>;
  request: RequestId | undefined;
  attempts = 0;
  /** Of the latest attempt. */
  correlation = 0;
  /** Which the node has for the latest attempt. */
  timeoutMs = 0;
  sentTo: NodeConnection | undefined = undefined;
  /** Not to be sent again before this. */
  resumeAt = 0;
  /** When the present attempt is given up. */
  attemptEndsAt: number = Number.POSITIVE_INFINITY;
  isUncertain: boolean;
  isSettled = false;
  lastError: ClusterError | undefined = undefined;
  /** It can not be sent before that one is answered. */
  waitsFor: PendingCall | undefined = undefined;
  onSettled: OnSettled | undefined = undefined;
  /** Its place among the outstanding ones; theirs to change. */
  isOutstanding = false;
  before: PendingCall | undefined = undefined;
  after: PendingCall | undefined = undefined;
  readonly #isRepeatable: boolean;
  readonly #decode: Decode<T>;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;
  readonly #onAbort: (() => void) | undefined;

  constructor(plan: CallPlan<T>) {
    this.op = plan.op;
    this.body = plan.body;
    this.local = plan.local;
    this.isWrite = plan.isWrite;
    this.deadlineAt = plan.deadlineAt;
    this.signal = plan.signal;
    this.request = plan.request;
    this.isUncertain = plan.request !== undefined;
    this.#isRepeatable = plan.isRepeatable;
    this.#decode = plan.decode;
    this.answer = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve as (value: unknown) => void;
      this.#reject = reject;
    });
    if (this.signal === undefined) return;
    this.#onAbort = () => this.abort();
    onAbort(this.signal, this.#onAbort);
  }

  /** Whether another attempt can do no harm after one whose outcome is unknown. */
  get mayRepeat(): boolean {
    return !this.isWrite || this.#isRepeatable || this.request !== undefined;
  }

  /** With the answer's body, which may also say that it was refused by the machine. */
  succeed(bytes: Buffer, start: number, end: number): void {
    if (!this.#settle(true)) return;
    try {
      this.#resolve(this.#decode(bytes, start, end));
    } catch (error) {
      this.#reject(error);
    }
  }

  /** A definite refusal: the call has not taken effect, or what it says itself. */
  fail(error: ClusterError): void {
    const certain = error.retryable !== 'unknown-outcome' || !this.isWrite;
    const named = certain ? error : this.#withRequest(error);
    if (this.#settle(certain, named)) this.#reject(named);
  }

  /**
   * By a node, which speaks of this attempt only; what the machine refuses comes as an answer. That a
   * sequence or session is gone is the log's word, and nothing more will be learnt.
   */
  refuse(error: ClusterError): void {
    const isLast = error.retryable === 'unknown-outcome' || error.code === 'SEQUENCE_STALE';
    if (isLast) this.fail(error);
    else this.giveUp(error);
  }

  /** Time is up, the client was closed, or nothing more can be tried. */
  giveUp(error: ClusterError): void {
    if (!this.isUncertain || !this.isWrite) {
      this.fail(error);
      return;
    }
    const { cause = error } = error;
    this.fail(
      new ClusterError(
        'OUTCOME_UNKNOWN',
        `it may or may not have taken effect; the last that was heard: ${error.message}`,
        { details: error.details, cause },
      ),
    );
  }

  abort(): void {
    this.isUncertain ||= this.isWrite && this.attempts > 0;
    const message = this.isUncertain
      ? 'the caller gave up waiting; the write may or may not have taken effect'
      : 'the caller gave up waiting';
    this.fail(
      new ClusterError('ABORTED', message, {
        retryable: this.isUncertain ? 'unknown-outcome' : 'yes',
        cause: this.signal?.reason,
      }),
    );
  }

  #withRequest(error: ClusterError): ClusterError {
    if (this.request === undefined || 'request' in error.details) return error;
    const { session, sequence } = this.request;
    return new ClusterError(error.code, error.message, {
      details: { ...error.details, request: { session, sequence } },
      retryable: error.retryable,
      cause: error.cause ?? error,
    });
  }

  #settle(certain: boolean, error?: ClusterError): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    if (this.signal !== undefined && this.#onAbort !== undefined) {
      offAbort(this.signal, this.#onAbort);
    }
    this.onSettled?.(this, certain, error);
    return true;
  }
}
