/** Goal: under a sky nothing of the real clocks and dice is seen, who looked is known, and all is put back. */
import { expect, it } from 'vitest';
import { SeededRandom } from '../world/seeded-random.ts';
import { MachineSky } from './machine-sky.ts';

function skyOf(awayMs: number): MachineSky {
  return new MachineSky({ random: new SeededRandom(1, `${awayMs}`), nowMs: () => 250, awayMs });
}

function lookAround(): unknown[] {
  const uuid = crypto.randomUUID();
  const [byte] = crypto.getRandomValues(new Uint8Array(1));
  return [
    Date.now(),
    new Date().toISOString(),
    Date(),
    Math.random(),
    performance.now(),
    byte,
    uuid,
  ];
}

it('shows each node another time and other dice, the same ones in each run', () => {
  const [one, again, other] = [skyOf(0), skyOf(0), skyOf(5_000)].map((sky) =>
    sky.under(lookAround),
  );
  expect(one).toEqual(again);
  expect(one?.slice(0, 2)).toEqual([1_767_225_600_250, '2026-01-01T00:00:00.250Z']);
  for (const [at, value] of one?.entries() ?? []) expect(other?.[at]).not.toEqual(value);
});

it('leaves alone what does not look', () => {
  const sky = skyOf(0);
  expect(sky.under(() => new Date(5).toISOString())).toBe('1970-01-01T00:00:00.005Z');
  expect(sky.under(() => Date.UTC(2026, 0, 1))).toBe(1_767_225_600_000);
  expect(sky.under(() => new Date(0) instanceof Date)).toBe(true);
  expect([...sky.looked]).toEqual([]);
  sky.under(() => Math.random());
  expect([...sky.looked]).toEqual(['Math.random']);
});

it('puts the real ones back, also when something is thrown', () => {
  const real = [Date, Math.random, performance.now, crypto.getRandomValues, crypto.randomUUID];
  expect(() =>
    skyOf(0).under(() => {
      throw new Error('out of the machine');
    }),
  ).toThrow('out of the machine');
  const after = [Date, Math.random, performance.now, crypto.getRandomValues, crypto.randomUUID];
  expect(after).toEqual(real);
});
