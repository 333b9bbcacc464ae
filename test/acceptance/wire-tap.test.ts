/** Goal: a gap is never hidden. Method: stretches made by hand, the machine's standstills among them. */
import { expect, it } from 'vitest';

import { gapsOf, type Heartbeat } from './wire-tap.ts';

function beats(...atMs: readonly number[]): Heartbeat[] {
  return atMs.map((ms) => [1, 2, ms, 1]);
}

it('counts from the edges of the stretch, too', () => {
  const seen = { beginMs: 100, endMs: 200, heartbeats: beats(110, 130), standstills: [] };
  expect(gapsOf(seen).map(({ allMs }) => allMs)).toEqual([10, 20, 70]);
  expect(gapsOf({ ...seen, heartbeats: [] }).map(({ allMs }) => allMs)).toEqual([100]);
});

it('takes the standstills of the machine out of a gap, and nothing else', () => {
  const standstills = [
    [90, 105],
    [140, 170],
    [195, 300],
  ] as const;
  const seen = { beginMs: 100, endMs: 200, heartbeats: beats(110, 130), standstills };
  expect(gapsOf(seen)).toEqual([
    { allMs: 10, ownMs: 5 },
    { allMs: 20, ownMs: 20 },
    { allMs: 70, ownMs: 35 },
  ]);
});
