import { describe, expect, it } from 'vitest';

import { ManualClock } from '../../sim/world/manual-clock.ts';
import { Watchdog } from './watchdog.ts';

function watched() {
  const clock = new ManualClock({ startMs: 0 });
  const silences: number[] = [];
  const watchdog = new Watchdog(clock, 1_000, (silentMs) => silences.push(silentMs));
  watchdog.start();
  return { clock, watchdog, silences };
}

describe('Watchdog', () => {
  it('tells of silence once, when the limit is reached', async () => {
    const { clock, silences } = watched();
    await clock.advance(999);
    expect(silences).toEqual([]);
    await clock.advance(5_000);
    expect(silences).toEqual([1_000]);
  });

  it('counts from what was heard last', async () => {
    const { clock, watchdog, silences } = watched();
    await clock.advance(900);
    watchdog.heard();
    await clock.advance(999);
    expect(silences).toEqual([]);
    await clock.advance(1);
    expect(silences).toEqual([1_000]);
  });

  it('reads what came in during a pause of its own before it judges', async () => {
    const { clock, watchdog, silences } = watched();
    clock.io(1_500, () => watchdog.heard());
    await clock.block(4_000);
    await clock.advance(999);
    expect(silences).toEqual([]);
  });

  it('a pause of its own does not count, wherever in the limit it falls', async () => {
    for (const [beforeMs, pauseMs] of [
      [0, 4_000],
      [100, 30_000],
      [990, 100_000],
      [10, 995],
    ] as const) {
      const { clock, silences } = watched();
      await clock.advance(beforeMs);
      await clock.block(pauseMs);
      await clock.advance(499);
      expect(silences, `${beforeMs} ms, then ${pauseMs} ms away`).toEqual([]);
      await clock.advance(1_000);
      expect(silences.length, `${beforeMs} ms, then ${pauseMs} ms away`).toBe(1);
    }
  });

  it('notices a dead peer also when each step comes a little late', async () => {
    const { clock, silences } = watched();
    for (let i = 0; i < 12; i++) await clock.block(100);
    expect(silences.length).toBe(1);
  });

  it('says nothing after stop', async () => {
    const { clock, watchdog, silences } = watched();
    await clock.advance(999);
    watchdog.stop();
    await clock.advance(5_000);
    expect([silences, clock.waiting]).toEqual([[], 0]);
  });
});
