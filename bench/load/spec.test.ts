/** Goal: a load touches all keys, and not in their order. Method: every number of keys that is used. */
import { expect, it } from 'vitest';
import { keyOfOperation } from './spec.ts';

it.each([1, 20, 64, 100, 256, 1_024, 10_000, 30_000, 100_000, 300_000, 1_000_000])(
  'each of %d keys comes once in as many operations',
  (keys) => {
    const seen = new Uint8Array(keys);
    for (let number = 0; number < keys; number++) seen[keyOfOperation(number, keys)]! += 1;
    expect(seen.every((times) => times === 1)).toBe(true);
  },
);

it('goes far between two operations', () => {
  const far = Math.abs(keyOfOperation(1, 1_000_000) - keyOfOperation(0, 1_000_000));
  expect(far).toBeGreaterThan(1_000);
});
