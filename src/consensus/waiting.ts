/**
 * Waiting with an end. A condition that nobody announces is looked at now and then; work that may hang
 * (a disk, a state machine) is left to itself after a while.
 */
import { ClusterError } from '../errors.ts';
import type { Clock } from '../world/index.ts';
import { unlessAborted } from './complaints.ts';
import type { WaitOptions } from './types.ts';

/** How often a condition is looked at, in ms. */
const WATCH_INTERVAL_MS = 5;

/** Less work than that, in ms, is worth no pause of its own. */
const WORK_MS_MIN = 2;
/** The longest pause of that kind, in ms: a disk may have stood still while the work waited for it. */
const PAUSE_MS_MAX = 250;

/** Pauses that are over, all at once, when the node's life is: no timer of it is left. */
export class Pauses {
  readonly #clock: Clock;
  /** What ends each of them before its time. */
  readonly #running: Set<() => void> = new Set();
  #isOver = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves after `ms`, or when all pauses end. */
  async pause(ms: number): Promise<void> {
    if (this.#isOver) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#running.delete(end);
        resolve();
      };
      const timer = this.#clock.after(ms, end);
      this.#running.add(end);
    });
  }

  /** From now on nothing pauses any more. */
  end(): void {
    this.#isOver = true;
    for (const end of [...this.#running]) end();
  }

  /** Resolves when the condition holds, or all pauses end, at the latest at `until`. */
  async until(condition: () => boolean, until: number): Promise<void> {
    while (!this.#isOver && !condition() && this.#clock.now() < until) {
      await this.pause(WATCH_INTERVAL_MS);
    }
  }
}

/** Work in steps that leaves as much time to others as it takes itself, until its pauses end. */
export class HalfSpeed {
  readonly #clock: Clock;
  readonly #pauses: Pauses;
  #begunAt: number;

  constructor(clock: Clock, pauses: Pauses) {
    this.#clock = clock;
    this.#pauses = pauses;
    this.#begunAt = clock.now();
  }

  /** Waits for as long as was worked since the last pause. */
  async afterStep(): Promise<void> {
    const workedMs = this.#clock.now() - this.#begunAt;
    if (workedMs < WORK_MS_MIN) return;
    await this.#pauses.pause(Math.min(workedMs, PAUSE_MS_MAX));
    this.#begunAt = this.#clock.now();
  }
}

/** Ends waiting for work that may hang, for all who wait, at once. */
export class Interruption {
  readonly #waiting = new Set<(error: Error) => void>();
  #error: Error | undefined;

  get isOver(): boolean {
    return this.#error !== undefined;
  }

  /** As the work ends; rejects at once when it is interrupted. Then nobody hears of the work any more. */
  unless<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#error === undefined) this.#waiting.add(reject);
      else reject(this.#error);
      work.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }

  /** From now on nothing is waited for any more. The first reason counts. */
  interrupt(error: Error): void {
    this.#error ??= error;
    for (const reject of this.#waiting) reject(this.#error);
    this.#waiting.clear();
  }
}

/**
 * Waits for work that goes on, whoever waits for it; with no `timeoutMs` until it ends. Leaves nothing behind.
 * @throws ClusterError OUTCOME_UNKNOWN at the timeout, ABORTED; else as the work does.
 */
export async function waitFor<T>(
  clock: Clock,
  work: Promise<T>,
  { signal, timeoutMs }: WaitOptions,
): Promise<T> {
  const patience = new Interruption();
  const giveUp = (error: Error): void => patience.interrupt(error);
  const late = (): ClusterError =>
    new ClusterError('OUTCOME_UNKNOWN', `not done within ${timeoutMs} ms; it is gone on with`);
  const timer = timeoutMs === undefined ? undefined : clock.after(timeoutMs, () => giveUp(late()));
  try {
    return await unlessAborted(signal, patience.unless(work), giveUp);
  } finally {
    timer?.cancel();
  }
}

/** Whether the work ended within that many ms. Rejects as it does. */
export async function isDoneWithin(
  clock: Clock,
  ms: number,
  work: Promise<unknown> = Promise.resolve(),
): Promise<boolean> {
  return await new Promise<boolean>((resolve, reject) => {
    const timer = clock.after(ms, () => resolve(false));
    work.then(() => resolve(true), reject).finally(() => timer.cancel());
  });
}
