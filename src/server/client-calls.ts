/**
 * The two requests that come by the hundred thousand, `propose` and `get`, on their way from the frame to
 * the answer: one object each, which is what the node tells, and no promise. All others go through
 * `client-operations.ts`.
 *
 * The rule it protects: an answer is made in the turn in which the node gives the result, or later, when the
 * client has room for it. Until then a read holds its key, which is a copy: a slice of what the socket
 * brought would hold all of that.
 */
import type { GetAnswer, ReadListener } from '../api/index.ts';
import type { CommandResult, ProposalListener } from '../consensus/index.ts';
import { OP } from '../protocol/index.ts';

/** The connection, as its calls see it. */
export interface CallHost {
  /** False: enough waits for the client already. */
  hasRoom(): boolean;
  /** `get.answer` is to be called when there is room. */
  waitForRoom(get: GetCall): void;
  read(key: Uint8Array): GetAnswer;
  answerPropose(call: ProposeCall, index: number, result: CommandResult): void;
  answerGet(call: GetCall, answer: GetAnswer): void;
  callFailed(call: ClientCall, fault: unknown): void;
}

/** A request that was started and has no answer yet. */
export interface ClientCall {
  readonly correlation: number;
  readonly op: number;
  /** By the process's monotonic clock, in ms. */
  readonly startedAt: number;
}

export class ProposeCall implements ClientCall, ProposalListener {
  readonly op: number = OP.propose;
  readonly correlation: number;
  readonly startedAt: number;
  readonly #host: CallHost;

  constructor(host: CallHost, correlation: number, startedAt: number) {
    this.#host = host;
    this.correlation = correlation;
    this.startedAt = startedAt;
  }

  applied(index: number, result: CommandResult): void {
    this.#host.answerPropose(this, index, result);
  }

  failed(error: Error): void {
    this.#host.callFailed(this, error);
  }
}

export class GetCall implements ClientCall, ReadListener {
  readonly op: number = OP.get;
  readonly correlation: number;
  readonly startedAt: number;
  readonly #host: CallHost;
  readonly #key: Uint8Array;

  /** `key` is kept. */
  constructor(host: CallHost, correlation: number, startedAt: number, key: Uint8Array) {
    this.#host = host;
    this.correlation = correlation;
    this.startedAt = startedAt;
    this.#key = key;
  }

  ready(): void {
    if (this.#host.hasRoom()) this.answer();
    else this.#host.waitForRoom(this);
  }

  answer(): void {
    try {
      this.#host.answerGet(this, this.#host.read(this.#key));
    } catch (fault) {
      this.#host.callFailed(this, fault);
    }
  }

  failed(error: Error): void {
    this.#host.callFailed(this, error);
  }
}
