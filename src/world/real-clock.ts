/**
 * The machine's clock. The rule that it protects: a callback never runs before its time, by the same
 * clock that everybody else reads.
 *
 * Node's own timers break that rule in two ways. They count whole milliseconds from the time that the
 * event loop noted at the start of its turn, so that a timer fires up to a millisecond (or, after a
 * long turn, a whole turn) before `performance.now()` says so; and a delay above 2^31 - 1 ms fires at
 * once. So the due time is kept here, and a timer that comes early is armed again.
 *
 * A timer that comes *late* is the caller's problem: see `afterIo`, which lets a heartbeat that waits in
 * a socket be read before somebody concludes that there was none. One `setImmediate` is not enough for
 * that: asked for while the loop delivers I/O, it runs right after that round of deliveries, and what
 * arrived during the round is still in the kernel. The second one has a whole poll before it.
 *
 * Whoever only gathers what comes together (`soon`) needs no more than the first one: each round costs a
 * poll, and a write that is alone waits for it.
 */
import type { Clock, Timer } from './types.ts';

/** The longest delay that Node's timers take; longer waits are made of several. */
const NODE_TIMER_MS_MAX = 2 ** 31 - 1;

/** The machine's own clock. */
export function realClock(): Clock {
  return {
    now: () => performance.now(),
    wallTime: () => Date.now(),
    after: (delayMs, callback) => new RealTimer(delayMs, callback),
    soon: (callback) => {
      setImmediate(callback);
    },
    afterIo: (callback) => {
      setImmediate(() => setImmediate(callback));
    },
  };
}

class RealTimer implements Timer {
  readonly #dueMs: number;
  readonly #callback: () => void;
  #handle: NodeJS.Timeout | undefined;

  constructor(delayMs: number, callback: () => void) {
    if (Number.isNaN(delayMs))
      throw new TypeError('a timer needs a delay in milliseconds, not NaN');
    this.#dueMs = performance.now() + Math.max(0, delayMs);
    this.#callback = callback;
    this.#arm(delayMs);
  }

  cancel(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
  }

  #arm(delayMs: number): void {
    const wholeMs = Math.min(NODE_TIMER_MS_MAX, Math.max(1, Math.ceil(delayMs)));
    this.#handle = setTimeout(this.#fire, wholeMs);
  }

  readonly #fire = (): void => {
    const leftMs = this.#dueMs - performance.now();
    if (leftMs > 0) {
      this.#arm(leftMs);
      return;
    }
    this.#handle = undefined;
    this.#callback();
  };
}
