/** Pauses end with the node: no timer of theirs is left, and nobody waits for one. Half speed is half of the time. */
import { expect, it } from 'vitest';
import type { Clock } from '../world/index.ts';
import { HalfSpeed, Pauses } from './waiting.ts';

class StillClock {
  readonly timers: Set<() => void> = new Set();
  readonly delays: number[] = [];
  nowMs = 0;
  readonly clock: Clock = {
    now: () => this.nowMs,
    wallTime: () => 0,
    after: (delayMs, callback) => {
      this.delays.push(delayMs);
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

it('half speed pauses for as long as was worked, within bounds, and not once somebody waits', async () => {
  const still = new StillClock();
  const { clock, timers, delays } = still;
  const pauses = new Pauses(clock);
  const pace = new HalfSpeed(clock, pauses);
  const workFor = async (ms: number): Promise<void> => {
    still.nowMs += ms;
    const pause = pace.afterStep();
    const waiting = [...timers];
    if (waiting.length > 0) still.nowMs += delays.at(-1) ?? 0;
    for (const callback of waiting) callback();
    await pause;
  };
  await workFor(1);
  expect(delays).toEqual([]);
  await workFor(1);
  expect(delays).toEqual([2]);
  await workFor(30);
  await workFor(60_000);
  expect(delays).toEqual([2, 30, 250]);
  pauses.end();
  await workFor(60_000);
  expect(delays).toEqual([2, 30, 250]);
});
