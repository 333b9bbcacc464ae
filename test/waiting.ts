/**
 * Waiting for something to become true, mostly in another process, with a bound and a name for the error. A
 * pause that came to its end late was used by others, or by nobody, so it does not use up the patience: a
 * shared machine stands still for a while at times. That has a bound as well.
 */

const POLL_MS = 25;
/** So many times the patience may pass on the clock. */
const EXCUSED_TIMES = 3;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Looks again and again until there is something. @throws Error that says for what it waited in vain. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  everyMs: number = POLL_MS,
): Promise<T> {
  const beganMs = performance.now();
  for (let waitedMs = 0; ; ) {
    const lookMs = performance.now();
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    const pauseMs = performance.now();
    if (waitedMs > timeoutMs || pauseMs - beganMs > EXCUSED_TIMES * timeoutMs) {
      const passed = `${Math.round(pauseMs - beganMs)} ms passed`;
      throw new Error(`waited ${timeoutMs} ms in vain for ${what} (${passed})`);
    }
    await pause(everyMs);
    waitedMs += pauseMs - lookMs + Math.min(performance.now() - pauseMs, 2 * everyMs);
  }
}
