import { describe, expect, it } from 'vitest';

import { ManualClock } from './manual-clock.ts';

describe('ManualClock', () => {
  it('runs what is due in the order of time, then of asking', async () => {
    const clock = new ManualClock({ startMs: 0 });
    const seen: string[] = [];
    clock.after(20, () => seen.push(`c ${clock.now()}`));
    clock.after(10, () => seen.push(`a ${clock.now()}`));
    clock.after(10, () => seen.push(`b ${clock.now()}`));
    clock.after(10, () => seen.push('never')).cancel();
    await clock.advance(15);
    expect(seen).toEqual(['a 10', 'b 10']);
    await clock.advance(5);
    expect(seen).toEqual(['a 10', 'b 10', 'c 20']);
    expect(clock.now()).toBe(20);
    expect(clock.waiting).toBe(0);
  });

  it('after a pause: timers late, then what came in, then what waited for it', async () => {
    const clock = new ManualClock({ startMs: 0 });
    const seen: string[] = [];
    clock.io(5, () => seen.push('io'));
    clock.after(30, () => {
      seen.push(`timer at ${clock.now()}`);
      clock.afterIo(() => seen.push('after io'));
    });
    await clock.block(100);
    expect(seen).toEqual(['timer at 100', 'io', 'after io']);
  });

  it('lets time pass for a timer, however little it was to wait', async () => {
    const clock = new ManualClock({ startMs: 32_991.079 });
    const dueMs = clock.now();
    clock.after(1e-13, () => {});
    await clock.until(() => clock.now() > dueMs, 1);
    expect(clock.now()).toBe(dueMs + 0.001);
  });

  it('settles promises between two callbacks', async () => {
    const clock = new ManualClock();
    const seen: string[] = [];
    clock.after(1, () => {
      void Promise.resolve()
        .then(() => {})
        .then(() => seen.push('promise'));
    });
    clock.after(1, () => seen.push('second'));
    await clock.advance(1);
    expect(seen).toEqual(['promise', 'second']);
  });

  it('until: stops as soon as it is so, or when the time is over', async () => {
    const clock = new ManualClock({ startMs: 0 });
    let count = 0;
    const again = (): void => {
      count += 1;
      clock.after(10, again);
    };
    clock.after(10, again);
    expect(await clock.until(() => count === 3, 1_000)).toBe(true);
    expect(clock.now()).toBe(30);
    expect(await clock.until(() => count === 100, 50)).toBe(false);
    expect(clock.now()).toBe(80);
  });
});
