/**
 * Waiting with an end. A condition that nobody announces is looked at now and then; work that may hang
 * (a disk, a state machine) is left to itself after a while.
 */
import type { Clock } from '../world/index.ts';

/** How often a condition is looked at, in ms. */
const WATCH_INTERVAL_MS = 5;

/** Resolves when the condition holds, or nobody wants to know any more, at the latest at `until`. */
export async function waitUntil(
  clock: Clock,
  condition: () => boolean,
  until: number,
  isWanted: () => boolean,
): Promise<void> {
  while (isWanted() && !condition() && clock.now() < until) {
    await new Promise<void>((resolve) => clock.after(WATCH_INTERVAL_MS, resolve));
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
