/** Pauses end with the node: no timer of theirs is left, and nobody waits for one. */
import { expect, it } from 'vitest';
import type { Clock } from '../world/index.ts';
import { Pauses } from './waiting.ts';

class StillClock {
  readonly timers: Set<() => void> = new Set();
  readonly clock: Clock = {
    now: () => 0,
    wallTime: () => 0,
    after: (_, callback) => {
      this.timers.add(callback);
      return { cancel: () => void this.timers.delete(callback) };
    },
    soon: () => {},
    afterIo: () => {},
  };
}

it('a pause ends with its timer', async () => {
  const { clock, timers } = new StillClock();
  const pause = new Pauses(clock).pause(5);
  for (const callback of timers) callback();
  await pause;
  expect(timers.size).toBe(0);
});

it('leaves no timer when the node ends, and begins none afterwards', async () => {
  const { clock, timers } = new StillClock();
  const pauses = new Pauses(clock);
  const waits = [pauses.pause(5), pauses.until(() => false, 100)];
  expect(timers.size).toBe(2);
  pauses.end();
  await Promise.all(waits);
  await pauses.pause(5);
  await pauses.until(() => false, 100);
  expect(timers.size).toBe(0);
});
