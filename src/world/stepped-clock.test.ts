import { expect, it } from 'vitest';

import { realClock } from './real-clock.ts';
import { steppedClock } from './stepped-clock.ts';

it('steps the wall time only, forwards and back, while it runs', async () => {
  const clock = realClock();
  let offsetMs = 0;
  const stepped = steppedClock(clock, () => offsetMs);
  const begin = stepped.now();
  for (const step of [3_600_000, -86_400_000, 0]) {
    offsetMs = step;
    expect(Math.abs(stepped.wallTime() - clock.wallTime() - step)).toBeLessThan(1_000);
    expect(stepped.now() - begin).toBeLessThan(5_000);
    await new Promise<void>((done) => stepped.after(1, done));
    await new Promise<void>((done) => stepped.soon(done));
    await new Promise<void>((done) => stepped.afterIo(done));
  }
  expect(stepped.now()).toBeGreaterThan(begin);
});
