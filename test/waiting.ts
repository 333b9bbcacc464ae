/**
 * Waiting for something to become true in another process, with a bound and a name for the error. While the
 * machine stands still nobody gets on, so that does not use up the patience.
 */

const POLL_MS = 25;
/** A pause that took longer was not ours. */
const PAUSE_MS_MAX = 2 * POLL_MS;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

export async function until<T>(
  what: string,
  timeoutMs: number,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  for (let waitedMs = 0; ; ) {
    const beginMs = performance.now();
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    const lookedMs = performance.now() - beginMs;
    if (waitedMs > timeoutMs) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await pause(POLL_MS);
    waitedMs += Math.min(performance.now() - beginMs, lookedMs + PAUSE_MS_MAX);
  }
}
