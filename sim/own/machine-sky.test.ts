/** Goal: under a sky nothing of the real clocks and dice is seen, who looked is known, and all is put back. */
import { expect, it } from 'vitest';
import { SeededRandom } from '../world/seeded-random.ts';
import { MachineSky, underSkies } from './machine-sky.ts';

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

it('shows each node another time and other dice, the same ones in each run', async () => {
  const [one, again, other] = await underSkies(async () =>
    [skyOf(0), skyOf(0), skyOf(5_000)].map((sky) => sky.under(lookAround)),
  );
  expect(one).toEqual(again);
  expect(one?.slice(0, 2)).toEqual([1_767_225_600_250, '2026-01-01T00:00:00.250Z']);
  for (const [at, value] of one?.entries() ?? []) expect(other?.[at]).not.toEqual(value);
});

it('leaves alone what does not look, and who is under no sky', async () => {
  const sky = skyOf(0);
  await underSkies(async () => {
    expect(sky.under(() => new Date(5).toISOString())).toBe('1970-01-01T00:00:00.005Z');
    expect(sky.under(() => Date.UTC(2026, 0, 1))).toBe(1_767_225_600_000);
    expect(sky.under(() => new Date(0) instanceof Date)).toBe(true);
    const outside = lookAround();
    expect(outside[0]).toBeGreaterThan(1_767_225_600_250);
    expect(outside[6]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
    expect([...sky.looked]).toEqual([]);
    sky.under(
      () => Math.random(),
      () => 'apply of entry 5',
    );
    sky.under(() => Math.random());
  });
  expect([...sky.looked]).toEqual([['Math.random', 'apply of entry 5']]);
});

it('goes on over an async function behind its awaits, and over nobody who runs between', async () => {
  const skies = [skyOf(0), skyOf(5_000)];
  let turn = 0;
  const between: number[] = [];
  const looking = async (): Promise<number[]> => {
    const seen: number[] = [];
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      turn += 1;
      seen.push(Date.now());
    }
    return seen;
  };
  const seen = await underSkies(async () => {
    const both = skies.map((sky) => sky.under(looking));
    while (turn < 6) {
      between.push(Date.now());
      await new Promise((resolve) => setImmediate(resolve));
    }
    return await Promise.all(both);
  });
  expect(seen).toEqual([
    [1_767_225_600_250, 1_767_225_600_250, 1_767_225_600_250],
    [1_767_225_605_250, 1_767_225_605_250, 1_767_225_605_250],
  ]);
  expect(between.length).toBeGreaterThan(1);
  expect(Math.min(...between)).toBeGreaterThan(1_767_225_605_250);
});

it('puts the real ones back when the last run is over, also when something is thrown', async () => {
  const names = (): unknown[] => [
    Date,
    Math.random,
    performance.now,
    crypto.getRandomValues,
    crypto.randomUUID,
  ];
  const real = names();
  const thrown = underSkies(async () => {
    await underSkies(async () => expect(names()).not.toEqual(real));
    expect(names()).not.toEqual(real);
    skyOf(0).under(() => {
      throw new Error('out of the machine');
    });
  });
  await expect(thrown).rejects.toThrow('out of the machine');
  expect(names()).toEqual(real);
});
