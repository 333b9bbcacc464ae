/** Goal: a call that does not end is ended, any other one is what it is. Method: a loop, and 50 ms of real time. */
import { expect, it } from 'vitest';
import { bounded, EndlessCall } from './bounded.ts';

it('ends a loop that has no end, and says so', () => {
  const loop = (): void => {
    for (;;);
  };
  expect(() => bounded(loop, 50)).toThrow(EndlessCall);
  expect(() => bounded(loop, 50)).toThrow('it did not come back for 0.05 s of real time');
  expect(bounded(() => 5, 50)).toBe(5);
});

it('hands on what is answered and what is thrown, also of a call within a call', () => {
  const error = new RangeError('full');
  const thrower = (): never => {
    throw error;
  };
  expect(bounded(() => [bounded(() => 1), 2])).toEqual([1, 2]);
  expect(() => bounded(thrower)).toThrow(error);
  expect(() => bounded(() => bounded(thrower))).toThrow(error);
});
