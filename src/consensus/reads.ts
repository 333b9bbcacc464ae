/**
 * Reads that must see every write acknowledged before them.
 *
 * All reads that wait at the same moment share one question to the core ("up to which index is it
 * confirmed that nobody else led?", read index, thesis 6.4); they are released once this node has
 * applied that index. One question is under way at a time, the next gathers meanwhile. A question
 * that gets no answer (the leader changed, a message was lost) is asked again with a new context,
 * so that an answer to the old one can not confirm the new one (NASTY 21).
 *
 * While a snapshot takes the place of the state nobody reads, whatever index was applied before:
 * not even who asks for no more than what this node has.
 */
import { ClusterError } from '../errors.ts';
import { READS_WAITING_MAX } from '../limits.ts';
import type { LogIndex, ReadState } from '../raft/index.ts';

export interface ReadHost {
  now(): number;
  appliedIndex(): LogIndex;
  /** The state is being replaced: there is nothing whole to read. */
  isRestoring(): boolean;
  /** Asks the core. False: nobody leads as far as it knows; ask again later. */
  askReadIndex(context: Uint8Array): boolean;
  explainWaiting(): ClusterError;
}

export interface WaitingRead {
  readonly deadline: number;
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  done: boolean;
}

interface Question {
  readonly context: Uint8Array;
  readonly reads: WaitingRead[];
  readonly askedAtTick: number;
}

interface Confirmed {
  readonly index: LogIndex;
  readonly reads: readonly WaitingRead[];
}

export class Reads {
  readonly #host: ReadHost;
  readonly #retryTicks: number;
  #waiting: WaitingRead[] = [];
  #question: Question | undefined;
  /** In the order of their indexes. */
  #confirmed: Confirmed[] = [];
  /** Those that wait in any of the three. */
  readonly #all = new Set<WaitingRead>();
  /** Somebody gave up since the lists were last tidied. */
  #isUntidy = false;
  #contextCounter = 0;
  #ticks = 0;
  readonly #contextPrefix: number;

  /** `contextPrefix`: random per start, so that contexts of an earlier life are told apart. */
  constructor(host: ReadHost, contextPrefix: number, retryTicks: number) {
    this.#host = host;
    this.#contextPrefix = contextPrefix;
    this.#retryTicks = retryTicks;
  }

  /** One that must see every write of before. @throws ClusterError OVERLOADED. */
  add(deadline: number): WaitingRead {
    const read = this.#newRead(deadline);
    this.#waiting.push(read);
    return read;
  }

  /**
   * One that takes what this node has, as soon as that is whole. @throws ClusterError OVERLOADED.
   */
  addLocal(deadline: number): WaitingRead {
    const read = this.#newRead(deadline);
    this.#confirmed.unshift({ index: 0, reads: [read] });
    return read;
  }

  #newRead(deadline: number): WaitingRead {
    if (this.#all.size >= READS_WAITING_MAX) {
      throw new ClusterError(
        'OVERLOADED',
        `${this.#all.size} reads wait already: slow down and try again`,
      );
    }
    let resolve!: () => void;
    let reject!: (error: Error) => void;
    const promise = new Promise<void>((ok, fail) => {
      resolve = ok;
      reject = fail;
    });
    const read: WaitingRead = { deadline, promise, resolve, reject, done: false };
    this.#all.add(read);
    return read;
  }

  /** Reads that are held, those whose callers gave up since the last tick included. */
  get held(): number {
    const confirmed = this.#confirmed.reduce((sum, { reads }) => sum + reads.length, 0);
    return this.#waiting.length + (this.#question?.reads.length ?? 0) + confirmed;
  }

  /** Asks for those who wait, unless a question is under way. Called once a turn. */
  ask(): void {
    if (this.#question !== undefined || this.#waiting.length === 0) return;
    const context = this.#nextContext();
    if (!this.#host.askReadIndex(context)) return;
    this.#question = { context, reads: this.#waiting, askedAtTick: this.#ticks };
    this.#waiting = [];
  }

  answered(states: readonly ReadState[]): void {
    for (const { context, index } of states) {
      const question = this.#question;
      if (question === undefined || !sameBytes(context, question.context)) continue;
      this.#question = undefined;
      this.#confirmed.push({ index, reads: question.reads });
    }
    this.release();
  }

  /** Lets those go whose index has been applied, unless the state is being replaced. */
  release(): void {
    if (this.#confirmed.length === 0 || this.#host.isRestoring()) return;
    const applied = this.#host.appliedIndex();
    const waiting: Confirmed[] = [];
    for (const confirmed of this.#confirmed) {
      if (confirmed.index > applied) {
        waiting.push(confirmed);
        continue;
      }
      for (const read of confirmed.reads) this.#finish(read);
    }
    this.#confirmed = waiting;
  }

  /** The leader is another one, or gone: the answer will not come. */
  leaderChanged(): void {
    this.#forget();
  }

  tick(): void {
    this.#ticks++;
    const question = this.#question;
    if (question !== undefined && this.#ticks - question.askedAtTick >= this.#retryTicks) {
      this.#forget();
    }
    if (this.#isUntidy) this.#dropDone();
  }

  /** Ends what is past its deadline; answers the earliest deadline that is left. */
  expire(): number {
    const now = this.#host.now();
    let earliest = Number.POSITIVE_INFINITY;
    // Thousands may be late at once, and all for the same reason: it is worked out once.
    let reason: ClusterError | undefined;
    for (const read of this.#all) {
      if (read.deadline > now) {
        earliest = Math.min(earliest, read.deadline);
        continue;
      }
      reason ??= this.#host.explainWaiting();
      this.abandon(read, reason);
    }
    return earliest;
  }

  /** Or a node without a leader would keep every read that was ever tried. */
  #dropDone(): void {
    this.#isUntidy = false;
    const isWaiting = (read: WaitingRead): boolean => !read.done;
    this.#waiting = this.#waiting.filter(isWaiting);
    this.#confirmed = this.#confirmed
      .map(({ index, reads }) => ({ index, reads: reads.filter(isWaiting) }))
      .filter(({ reads }) => reads.length > 0);
  }

  abandon(read: WaitingRead, error: Error): void {
    this.#isUntidy = true;
    this.#finish(read, error);
  }

  failAll(error: ClusterError): void {
    for (const read of this.#all) this.#finish(read, error);
    this.#waiting = [];
    this.#confirmed = [];
    this.#question = undefined;
  }

  #forget(): void {
    if (this.#question === undefined) return;
    this.#waiting = [...this.#question.reads.filter((read) => !read.done), ...this.#waiting];
    this.#question = undefined;
  }

  #finish(read: WaitingRead, error?: Error): void {
    if (read.done) return;
    read.done = true;
    this.#all.delete(read);
    if (error === undefined) read.resolve();
    else read.reject(error);
  }

  #nextContext(): Uint8Array {
    const context = new Uint8Array(12);
    const view = new DataView(context.buffer);
    view.setUint32(0, this.#contextPrefix, true);
    view.setFloat64(4, ++this.#contextCounter, true);
    return context;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
