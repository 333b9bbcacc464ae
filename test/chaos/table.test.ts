/** Goal: the availability that is printed is the one that there was, also at the edges of a fault. */
import { expect, it } from 'vitest';

import { longestGap, median } from './gaps.ts';
import { aligned, faultTable } from './table.ts';

const window = (kind: string, beginMs: number, endMs: number) => ({ kind, beginMs, endMs });

it('counts of a gap what lies in the window', () => {
  const writes = [0, 10, 20, 500, 510, 2_000];
  expect(longestGap(writes, window('x', 5, 505))).toBe(480);
  expect(longestGap(writes, window('x', 100, 505))).toBe(400);
  expect(longestGap(writes, window('x', 5, 300))).toBe(280);
  expect(longestGap(writes, window('x', 505, 600))).toBe(90);
});

it('counts a gap that did not end up to the end of the window', () => {
  expect(longestGap([0, 10], window('x', 5, 9_000))).toBe(8_990);
  expect(longestGap([], window('x', 5, 9_000))).toBe(8_995);
});

it('takes the upper middle, and nothing for nothing', () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([])]).toEqual([2, 3, 0]);
});

it('prints a row for each kind, and one for the time between faults', () => {
  const writes = [0, 100, 900, 1_000, 1_040, 1_300, 2_000];
  const windows = [
    window('cut', 50, 1_000),
    window('kill-all', 1_040, 1_300),
    window('cut', 1_300, 2_000),
  ];
  expect(faultTable(windows, writes)).toEqual([
    'fault     times  longest gap  median gap',
    'cut           2       800 ms      800 ms',
    'kill-all      1       260 ms      260 ms',
    'calm          2        40 ms       40 ms',
  ]);
});

it('keeps columns in step', () => {
  expect(
    aligned([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
  ).toEqual(['a    bb', 'ccc   d']);
});
