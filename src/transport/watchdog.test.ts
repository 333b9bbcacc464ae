import { describe, expect, it } from 'vitest';

import { ManualClock } from '../../sim/manual-clock.ts';
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

  it('after a pause of its own the other side gets time once more, once', async () => {
    const { clock, silences } = watched();
    await clock.block(4_000);
    await clock.advance(499);
    expect(silences).toEqual([]);
    await clock.advance(1);
    expect(silences).toEqual([4_500]);
  });

  it('says nothing after stop', async () => {
    const { clock, watchdog, silences } = watched();
    await clock.advance(999);
    watchdog.stop();
    await clock.advance(5_000);
    expect([silences, clock.waiting]).toEqual([[], 0]);
  });
});
