/** One alarm for many deadlines: rings at the earliest, again at the next, and not when stopped. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../sim/world/manual-clock.ts';
import { Deadlines } from './deadlines.ts';

describe('deadlines', () => {
  it('ends each at its time, with one timer', async () => {
    const clock = new ManualClock();
    const waiting = new Set<number>();
    const ended: number[] = [];
    const deadlines = new Deadlines(clock, () => {
      for (const deadline of waiting) {
        if (deadline > clock.now()) continue;
        waiting.delete(deadline);
        ended.push(clock.now());
      }
      return Math.min(...waiting);
    });
    const start = clock.now();
    for (const after of [50, 20, 900, 20.5]) {
      waiting.add(start + after);
      deadlines.watch(start + after);
    }
    await clock.advance(60);
    expect(ended.map((at) => at - start)).toEqual([20, 20.5, 50]);
    await clock.advance(900);
    expect(ended.length).toBe(4);
  });

  it('does not ring after stop', async () => {
    const clock = new ManualClock();
    let rings = 0;
    const deadlines = new Deadlines(clock, () => {
      rings++;
      return Number.POSITIVE_INFINITY;
    });
    deadlines.watch(clock.now() + 10);
    deadlines.stop();
    await clock.advance(20);
    expect(rings).toBe(0);
  });

  it('watches nothing more after stop: a late caller leaves no timer', () => {
    const clock = new ManualClock();
    const deadlines = new Deadlines(clock, () => Number.POSITIVE_INFINITY);
    deadlines.stop();
    deadlines.watch(clock.now() + 10);
    expect(clock.waiting).toBe(0);
  });

  it('does not wake again when stopped by what was due', async () => {
    const clock = new ManualClock();
    const deadlines: Deadlines = new Deadlines(clock, () => {
      deadlines.stop();
      return clock.now() + 5;
    });
    deadlines.watch(clock.now() + 10);
    await clock.advance(10);
    expect(clock.waiting).toBe(0);
  });
});
