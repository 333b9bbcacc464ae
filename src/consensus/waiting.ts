/**
 * Waiting with an end. A condition that nobody announces is looked at now and then; work that may hang
 * (a disk, a state machine) is left to itself after a while.
 */
import type { Clock } from '../world/index.ts';

/** How often a condition is looked at, in ms. */
const WATCH_INTERVAL_MS = 5;

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
