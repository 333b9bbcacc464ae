/** Goal: no excuse that the machine did not give. Method: spans made by hand. */
import { expect, it } from 'vitest';

import { gapOf, isWithin, longest, told } from './machine-witness.ts';

it('counts only the part of a standstill that lies within', () => {
  expect(gapOf([0, 100], [[10, 20]])).toEqual({ allMs: 100, ownMs: 90 });
  expect(gapOf([12, 15], [[10, 20]])).toEqual({ allMs: 3, ownMs: 0 });
  expect(gapOf([20, 30], [[10, 20]])).toEqual({ allMs: 10, ownMs: 10 });
  const standstills = [
    [0, 5],
    [10, 20],
    [95, 200],
  ] as const;
  expect(gapOf([2, 100], standstills)).toEqual({ allMs: 98, ownMs: 80 });
});

it('excuses no more than three times what is allowed', () => {
  expect(isWithin({ allMs: 100, ownMs: 100 }, 100)).toBe(true);
  expect(isWithin({ allMs: 101, ownMs: 101 }, 100)).toBe(false);
  expect(isWithin({ allMs: 300, ownMs: 20 }, 100)).toBe(true);
  expect(isWithin({ allMs: 301, ownMs: 20 }, 100)).toBe(false);
});

it('finds the longest by its own part, and tells both', () => {
  const most = longest([
    { allMs: 900, ownMs: 20 },
    { allMs: 70, ownMs: 60 },
    { allMs: 50, ownMs: 50 },
  ]);
  expect(told(most)).toBe("60 ms (70 with the machine's standstills)");
  expect(told({ allMs: 50.2, ownMs: 50.2 })).toBe('50 ms');
  expect(longest([])).toEqual({ allMs: 0, ownMs: 0 });
});
