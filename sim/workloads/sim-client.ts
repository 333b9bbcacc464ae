/**
 * A client as `quorate/client` is one, in the simulated world: it stays with a node while that answers,
 * goes to another one when it is gone, silent or unfit, follows hints, gives each write a request id and
 * repeats it under that id, until the call's own deadline. Which refusal means what it takes from the real
 * client (`verdictOf`, `RequestIds`), so that those rules are under test, too.
 *
 * The rule it protects: what may have taken effect is never called failed. Whether a refusal says for
 * certain that nothing happened is decided here anew, from the promise of `RaftNode.propose` alone
 * (`CERTAIN`): a judge must not take the word of the one who is judged. Everything else is unknown.
 * A client that does not repeat sends no id, and takes the first uncertainty as the outcome.
 *
 * What may go wrong: a node's `SEQUENCE_STALE` and `SESSION_EXPIRED` speak of the repetition only. The node
 * repeats what has an id by itself, so even on a client's first attempt they leave open what happened.
 */

import { RequestIds } from '../../src/client/request-ids.ts';
import { verdictOf } from '../../src/client/retry-policy.ts';
import type { RequestId } from '../../src/consensus/index.ts';
import { ClusterError, type ErrorCode } from '../../src/errors.ts';
import {
  CLIENT_ATTEMPT_MS,
  CLIENT_BACKOFF_MS_MAX,
  CLIENT_BACKOFF_MS_MIN,
} from '../../src/limits.ts';
import { type Caller, CallFailed } from '../cluster/caller.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimProcess } from '../cluster/sim-process.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import type { Findings } from './findings.ts';

/** What a node is given with a call, as `CallOptions` of the api and of the engine both take it. */
export interface Sent {
  readonly timeoutMs: number;
  readonly request?: RequestId;
}

/** Done on the node, in its process. */
export type Work<T> = (process: SimProcess, sent: Sent) => Promise<T>;

export type CallOutcome<T> =
  | { readonly kind: 'done'; readonly value: T; readonly node: string }
  /** Certainly without effect. */
  | { readonly kind: 'refused'; readonly error: Error }
  | { readonly kind: 'unknown'; readonly error: Error };

export interface SimClientOptions {
  readonly cluster: SimCluster;
  /** From 1; its host is `c1`, ... */
  readonly number: number;
  readonly random: SeededRandom;
  /** Writes carry a request id and are repeated under it. */
  readonly repeats: boolean;
  readonly findings: Findings;
}

/** Nothing was proposed, or it was refused before or by the state machine: see `RaftNode.propose`. */
const CERTAIN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'REQUEST_INVALID',
  'KEY_INVALID',
  'VALUE_TOO_LARGE',
  'COMMAND_TOO_LARGE',
  'OVERLOADED',
  'NOT_STARTED',
  'NODE_STOPPED',
  'NODE_FAILED',
  'NO_LEADER',
  'NO_QUORUM',
  'NOT_LEADER',
  'DEADLINE_EXCEEDED',
  'NOT_A_NUMBER',
  'NUMBER_OUT_OF_RANGE',
  'REVISION_COMPACTED',
  'REVISION_FUTURE',
]);

/** No node may ever answer so: each is the name of a bug. */
const NEVER: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['INTERNAL', 'INVARIANT']);

/** The node gives up a little earlier than the client, so that its reasons arrive. */
const ANSWER_MARGIN_MS_MAX = 100;
/** By its own clock a node has answered so long after the time that it was given, whatever befell others. */
const OVERDUE_MS = 2_000;
/** And on an attempt that is not the last, so much later than the node itself should have. */
const ATTEMPT_GRACE_MS = 250;
/**
 * Calls that begin at a node drawn anew, in percent: the others stay where the last one was answered. Some
 * clients never stay: they write at one node and read at another, which must know of it.
 */
const ROAMING_PERCENT = 25;
const RESTLESS_PERCENT = 90;
const RESTLESS_EACH = 3;

interface Plan<T> {
  readonly work: Work<T>;
  readonly isWrite: boolean;
  readonly mayRepeat: boolean;
  readonly request?: RequestId;
  readonly deadlineAt: number;
}

export class SimClient {
  readonly number: number;
  /** Also its host's name. */
  readonly name: string;
  readonly repeats: boolean;
  /** Nodes that the latest call asked, in order, for those who read how it went. */
  asked: string[] = [];
  readonly #cluster: SimCluster;
  readonly #caller: Caller;
  readonly #random: SeededRandom;
  readonly #findings: Findings;
  #ids: RequestIds | undefined;
  #node: string | undefined;
  /** Nodes that failed in a row since anything was answered. */
  #misses = 0;

  constructor(options: SimClientOptions) {
    this.number = options.number;
    this.name = `c${options.number}`;
    this.repeats = options.repeats;
    this.#cluster = options.cluster;
    this.#caller = options.cluster.caller(this.name);
    this.#random = options.random;
    this.#findings = options.findings;
  }

  get nowMs(): number {
    return this.#caller.loop.now();
  }

  /** The nodes it knows of: those it was given at first, and those that came later and still run. */
  get nodes(): string[] {
    const { machines, founders } = this.#cluster;
    return [...machines.values()]
      .filter(({ name, process }) => process !== undefined || founders.includes(name))
      .map(({ name }) => name);
  }

  get random(): SeededRandom {
    return this.#random;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#caller.loop.after(ms, resolve));
  }

  /** What changes nothing: repeated anywhere at will, and never uncertain. */
  read<T>(work: Work<T>, deadlineMs: number): Promise<CallOutcome<T>> {
    this.#begin();
    const deadlineAt = this.nowMs + deadlineMs;
    return this.#perform({ work, isWrite: false, mayRepeat: true, deadlineAt });
  }

  /** A write, under a request id where this client has any. */
  async write<T>(work: Work<T>, deadlineMs: number): Promise<CallOutcome<T>> {
    this.#begin();
    const deadlineAt = this.nowMs + deadlineMs;
    if (!this.repeats) {
      return this.#perform({ work, isWrite: true, mayRepeat: false, deadlineAt });
    }
    const ids = await this.#session(deadlineAt);
    if (!(ids instanceof RequestIds)) return { kind: 'refused', error: ids };
    const request = ids.take(false);
    const outcome = await this.#perform({
      work,
      isWrite: true,
      mayRepeat: true,
      request,
      deadlineAt,
    });
    const code = outcome.kind === 'done' ? undefined : codeOf(outcome.error);
    if (code === 'SESSION_EXPIRED') this.#ids = undefined;
    else ids.settled(request, outcome.kind !== 'unknown' || code === 'SEQUENCE_STALE');
    return outcome;
  }

  /** Opens a session of its own, beside that of `write`. */
  open(deadlineMs: number): Promise<CallOutcome<number>> {
    return this.read((process, sent) => process.engine.openSession(sent), deadlineMs);
  }

  /** One attempt at one node, whatever comes of it. */
  attempt<T>(node: string, work: Work<T>, sent: Sent, isWrite: boolean): Promise<CallOutcome<T>> {
    return this.#attempt(node, work, sent, sent.timeoutMs + ATTEMPT_GRACE_MS, isWrite);
  }

  #begin(): void {
    this.asked = [];
    const percent = this.number % RESTLESS_EACH === 0 ? RESTLESS_PERCENT : ROAMING_PERCENT;
    if (this.#node === undefined || this.#random.chance(percent)) {
      this.#node = this.#random.pick(this.nodes);
    }
  }

  async #session(deadlineAt: number): Promise<RequestIds | Error> {
    if (this.#ids !== undefined) return this.#ids;
    const work: Work<number> = (process, sent) => process.engine.openSession(sent);
    const opened = await this.#perform({ work, isWrite: false, mayRepeat: true, deadlineAt });
    if (opened.kind !== 'done') return opened.error;
    this.#ids = new RequestIds(opened.value);
    return this.#ids;
  }

  async #perform<T>(plan: Plan<T>): Promise<CallOutcome<T>> {
    let attempts = 0;
    let isUncertain = false;
    let error: Error = new CallFailed('timeout', `${this.name} had no time left to ask anybody`);
    // A node takes whole milliseconds, from 1 on.
    while (plan.deadlineAt - this.nowMs >= 2) {
      const node = this.#node ?? this.#random.pick(this.nodes);
      const { waitMs, sent } = this.#times(plan, attempts);
      attempts += 1;
      const outcome = await this.#attempt(node, plan.work, sent, waitMs, plan.isWrite);
      if (outcome.kind === 'done') {
        this.#misses = 0;
        return outcome;
      }
      error = outcome.error;
      isUncertain ||= outcome.kind === 'unknown';
      if (!this.#mayGoOn(plan, error, isUncertain)) break;
      await this.#pause(plan.deadlineAt);
    }
    return isUncertain ? { kind: 'unknown', error } : { kind: 'refused', error };
  }

  /** Moves on to another node where that may help. */
  #mayGoOn(plan: Plan<unknown>, error: Error, isUncertain: boolean): boolean {
    this.#misses += 1;
    if (!(error instanceof ClusterError)) {
      this.#moveOn(undefined);
      return plan.mayRepeat || !isUncertain;
    }
    const verdict = verdictOf(error, plan.mayRepeat);
    if (verdict === 'elsewhere') this.#moveOn(hintOf(error));
    if (verdict !== 'settle' && (plan.mayRepeat || !isUncertain)) return true;
    if (plan.isWrite) this.#moveOn(undefined);
    return false;
  }

  /** As the real client does: little time for the first nodes, more for each further one, all for the last. */
  #times(plan: Plan<unknown>, attempts: number): { readonly waitMs: number; readonly sent: Sent } {
    const left = plan.deadlineAt - this.nowMs;
    const share = CLIENT_ATTEMPT_MS * 2 ** Math.min(attempts, 10);
    const isLast = !plan.mayRepeat || left <= share * 1.5;
    const given = isLast ? left - Math.min(left * 0.05, ANSWER_MARGIN_MS_MAX) : share;
    const timeoutMs = Math.max(1, Math.floor(given));
    const { request } = plan;
    return {
      waitMs: isLast ? left : given + ATTEMPT_GRACE_MS,
      sent: request === undefined ? { timeoutMs } : { timeoutMs, request },
    };
  }

  async #attempt<T>(
    node: string,
    work: Work<T>,
    sent: Sent,
    waitMs: number,
    isWrite: boolean,
  ): Promise<CallOutcome<T>> {
    this.asked.push(node);
    const onNode = (process: SimProcess): Promise<T> => this.#onNode(process, work, sent);
    try {
      const value = await this.#caller.call(node, onNode, { timeoutMs: waitMs });
      return { kind: 'done', value, node };
    } catch (thrown) {
      const error = thrown as Error;
      return { kind: isWrite && !this.#isCertain(node, error) ? 'unknown' : 'refused', error };
    }
  }

  async #onNode<T>(process: SimProcess, work: Work<T>, sent: Sent): Promise<T> {
    const overdue = process.loop.after(sent.timeoutMs + OVERDUE_MS, () => {
      this.#findings.found(
        'every call ends by its deadline',
        `${this.name} gave ${process.node} ${sent.timeoutMs} ms for a call; by its own clock it has not ` +
          `ended ${OVERDUE_MS} ms after that`,
      );
    });
    try {
      return await work(process, sent);
    } catch (error) {
      if (error instanceof ClusterError) this.#findings.refused(error, process);
      throw error;
    } finally {
      overdue.cancel();
    }
  }

  /** Whether the failure says that nothing happened, and nothing will. */
  #isCertain(node: string, error: Error): boolean {
    if (error instanceof CallFailed) return error.how === 'refused';
    if (!(error instanceof ClusterError) || NEVER.has(error.code)) {
      this.#findings.found(
        'refusals have names',
        `${this.name} asked ${node} at ${this.nowMs.toFixed(3)} ms and got ` +
          `${error.name}: ${error.stack ?? error.message}`,
      );
      return false;
    }
    // A caller that gave up before anything was done is told so.
    if (error.code === 'ABORTED') return error.retryable === 'yes';
    return CERTAIN.has(error.code);
  }

  #moveOn(hint: string | undefined): void {
    const { nodes } = this;
    // A hint to whom it has just come from would lead round in a circle, past the others.
    const recent = this.asked.slice(-nodes.length);
    if (hint !== undefined && nodes.includes(hint) && !recent.includes(hint)) {
      this.#node = hint;
      return;
    }
    const at = this.#node === undefined ? 0 : nodes.indexOf(this.#node);
    this.#node = nodes[(at + 1) % nodes.length];
  }

  /** Grows with each round in which every node failed; scattered, so that clients do not come in step. */
  async #pause(deadlineAt: number): Promise<void> {
    const rounds = Math.floor(this.#misses / this.nodes.length);
    if (rounds === 0) return;
    const longest = Math.min(CLIENT_BACKOFF_MS_MAX, CLIENT_BACKOFF_MS_MIN * 2 ** (rounds - 1));
    const pause = longest * (0.5 + this.#random.below(1_000) / 2_000);
    await this.sleep(Math.min(pause, Math.max(0, deadlineAt - this.nowMs)));
  }
}

export function codeOf(error: Error): ErrorCode | undefined {
  return error instanceof ClusterError ? error.code : undefined;
}

/** Who leads, as the refusal has it. */
function hintOf({ details }: ClusterError): string | undefined {
  const { leader } = details;
  return typeof leader === 'string' ? leader : undefined;
}
