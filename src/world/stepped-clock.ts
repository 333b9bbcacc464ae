/**
 * A clock whose wall time is off by an amount that may change while it is read: what a node sees when an
 * operator sets the machine's clock, or the time service steps it, forwards or back.
 *
 * The rule that it helps to show: nothing but what is displayed rests on the wall clock. So only
 * `wallTime` is off; monotonic time and timers go on as they do on a real machine.
 */
import type { Clock } from './types.ts';

/** `clock`, with wall time plus `offsetMs()`, asked for anew at each look. */
export function steppedClock(clock: Clock, offsetMs: () => number): Clock {
  return {
    now: () => clock.now(),
    wallTime: () => clock.wallTime() + offsetMs(),
    after: (delayMs, callback) => clock.after(delayMs, callback),
    soon: (callback) => clock.soon(callback),
    afterIo: (callback) => clock.afterIo(callback),
  };
}
