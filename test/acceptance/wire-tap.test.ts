/** Goal: a gap is never hidden. Method: stretches made by hand, the machine's standstills among them. */
import { expect, it } from 'vitest';

import { gapOf } from './machine-witness.ts';
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

it('counts only the part of a standstill that lies within', () => {
  expect(gapOf([0, 100], [[10, 20]]).ownMs).toBe(90);
  expect(gapOf([12, 15], [[10, 20]]).ownMs).toBe(0);
  expect(gapOf([20, 30], [[10, 20]]).ownMs).toBe(10);
});
