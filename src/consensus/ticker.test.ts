/** Ticks: a late one lets the sockets be read first and counts once (WISHES 23). */
import { describe, expect, it } from 'vitest';
import type { Clock } from '../world/index.ts';
import { Ticker } from './ticker.ts';

/** Timers and pending I/O by hand. */
class HandClock implements Clock {
  time = 0;
  timers: { at: number; run: () => void }[] = [];
  io: (() => void)[] = [];

  now(): number {
    return this.time;
  }
  wallTime(): number {
    return 0;
  }
  after(delayMs: number, run: () => void): { cancel(): void } {
    const timer = { at: this.time + delayMs, run };
    this.timers.push(timer);
    return { cancel: () => this.timers.splice(this.timers.indexOf(timer), 1) };
  }
  soon(run: () => void): void {
    this.afterIo(run);
  }

  afterIo(run: () => void): void {
    this.io.push(run);
  }
  /** The process wakes up at that time and runs the timers that are due. */
  wakeAt(time: number): void {
    this.time = time;
    const due = this.timers.filter(({ at }) => at <= time);
    this.timers = this.timers.filter(({ at }) => at > time);
    for (const { run } of due) run();
  }
  poll(): void {
    for (const run of this.io.splice(0)) run();
  }
}

describe('ticker', () => {
  it('ticks at the interval without drifting', () => {
    const clock = new HandClock();
    const ticks: number[] = [];
    const ticker = new Ticker(clock, 100, () => ticks.push(clock.time));
    ticker.start();
    for (const time of [103, 201, 300, 450]) clock.wakeAt(time);
    expect(ticks).toEqual([103, 201, 300, 450]);
    expect(clock.timers[0]?.at).toBe(500);
    ticker.stop();
  });

  it('after a pause lets pending I/O be read, then counts one tick', () => {
    const clock = new HandClock();
    const events: string[] = [];
    const ticker = new Ticker(clock, 100, (late) => events.push(`tick, ${late} late`));
    ticker.start();
    clock.afterIo(() => events.push('heartbeat read'));
    clock.wakeAt(1_100);
    expect(events).toEqual([]);
    clock.poll();
    expect(events).toEqual(['heartbeat read', 'tick, 1000 late']);
    clock.wakeAt(1_199);
    expect(events.length).toBe(2);
    clock.wakeAt(1_200);
    expect(events.length).toBe(3);
  });

  it('does not tick after stop', () => {
    const clock = new HandClock();
    let ticks = 0;
    const ticker = new Ticker(clock, 100, () => ticks++);
    ticker.start();
    clock.wakeAt(1_000);
    ticker.stop();
    clock.poll();
    expect(ticks).toBe(0);
    expect(clock.timers).toEqual([]);
  });
});
