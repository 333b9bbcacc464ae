/**
 * One call of a program, from when it is made until it is settled, over as many attempts as its deadline
 * has room for.
 *
 * The rule it protects: what may have taken effect is never called failed. `isUncertain` is set as soon
 * as an attempt ended without an answer, and from then on only what the log says of the same request id
 * clears it; when that does not come, the error is OUTCOME_UNKNOWN whatever came last. A write with an id
 * of the caller's begins so: he may repeat one whose outcome he does not know.
 */
import type { RequestId } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import type { Op } from './frames.ts';
import type { NodeConnection } from './node-connection.ts';

export interface CallPlan {
  readonly op: Op;
  readonly body: Uint8Array;
  readonly local?: boolean;
  /** May change something, so that an answer that is lost leaves the outcome unknown. */
  readonly isWrite: boolean;
  /** Fine to do twice even without a request id. */
  readonly isRepeatable: boolean;
  readonly request?: RequestId | undefined;
  readonly deadlineAt: number;
  readonly signal?: AbortSignal | undefined;
}

export class PendingCall {
  readonly plan: CallPlan;
  /** Settles with the answer's body. */
  readonly answer: Promise<Buffer>;
  request: RequestId | undefined;
  attempts = 0;
  /** Of the latest attempt. */
  correlation = 0;
  sentTo: NodeConnection | undefined;
  /** Not to be sent again before this. */
  resumeAt = 0;
  /** When the present attempt is given up. */
  attemptEndsAt: number = Number.POSITIVE_INFINITY;
  isUncertain: boolean;
  isSettled = false;
  lastError: ClusterError | undefined;
  /** It can not be sent before that one is answered. */
  waitsFor: PendingCall | undefined;
  /** Told once, however it ends: `certain` is false when the outcome is unknown. */
  onSettled: ((call: PendingCall, certain: boolean, error?: ClusterError) => void) | undefined;
  #resolve!: (body: Buffer) => void;
  #reject!: (error: ClusterError) => void;
  readonly #onAbort: (() => void) | undefined;

  constructor(plan: CallPlan) {
    this.plan = plan;
    this.request = plan.request;
    this.isUncertain = plan.request !== undefined;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { signal } = plan;
    if (signal !== undefined) {
      this.#onAbort = () => this.abort();
      signal.addEventListener('abort', this.#onAbort, { once: true });
    }
  }

  /** Whether another attempt can do no harm after one whose outcome is unknown. */
  get mayRepeat(): boolean {
    return !this.plan.isWrite || this.plan.isRepeatable || this.request !== undefined;
  }

  succeed(body: Buffer): void {
    if (this.#settle(true)) this.#resolve(body);
  }

  /** A definite refusal: the call has not taken effect, or what it says itself. */
  fail(error: ClusterError): void {
    const certain = error.retryable !== 'unknown-outcome' || !this.plan.isWrite;
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
    if (!this.isUncertain || !this.plan.isWrite) {
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
    this.isUncertain ||= this.plan.isWrite && this.attempts > 0;
    const message = this.isUncertain
      ? 'the caller gave up waiting; the write may or may not have taken effect'
      : 'the caller gave up waiting';
    this.fail(
      new ClusterError('ABORTED', message, {
        retryable: this.isUncertain ? 'unknown-outcome' : 'yes',
        cause: this.plan.signal?.reason,
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
    if (this.#onAbort !== undefined) {
      this.plan.signal?.removeEventListener('abort', this.#onAbort);
    }
    this.onSettled?.(this, certain, error);
    return true;
  }
}
