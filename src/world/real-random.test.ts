import { expect, it } from 'vitest';

import { realRandom } from './real-random.ts';

it('draws below the bound and reaches every value', () => {
  const random = realRandom();
  const drawn = new Set(Array.from({ length: 400 }, () => random.below(4)));
  expect([...drawn].sort()).toEqual([0, 1, 2, 3]);
  expect(random.below(1)).toBe(0);
  expect(random.below(2 ** 32)).toBeLessThan(2 ** 32);
});

it('refuses bounds that it can not serve', () => {
  for (const bound of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN]) {
    expect(() => realRandom().below(bound)).toThrow(RangeError);
  }
});

it('gives as many bytes as asked for, different each time', () => {
  const random = realRandom();
  expect(random.bytes(16)).toHaveLength(16);
  expect(random.bytes(16)).not.toEqual(random.bytes(16));
});
