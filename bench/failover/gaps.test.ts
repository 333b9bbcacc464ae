/** Goal: an outage is neither shortened nor invented. Method: traces written by hand. */
import { expect, it } from 'vitest';
import { failedCalls, longestGap, untilAcknowledged } from './gaps.ts';

const CALLS = [
  [0, 1, true],
  [10, 11, true],
  // Sent before the kill at 20, answered after it: proves nothing.
  [18, 24, true],
  [22, 400, false],
  [24, 260, true],
  [26, 150, true],
  [300, 301, true],
] as const;

it('counts from what happened to the first acknowledgement of what was sent afterwards', () => {
  expect(untilAcknowledged(CALLS, 20, 21)).toBe(130);
  expect(untilAcknowledged(CALLS, 20, 25)).toBe(130);
  expect(untilAcknowledged(CALLS, 20, 27)).toBe(281);
  expect(untilAcknowledged(CALLS, 20, 1_000)).toBe(Number.POSITIVE_INFINITY);
});

it('finds the longest time without an acknowledgement, wherever it began', () => {
  expect(longestGap(CALLS, 20, 40)).toBe(126);
  expect(longestGap(CALLS, 200, 210)).toBe(110);
  expect(longestGap(CALLS, 0, 5)).toBe(10);
  expect(longestGap([], 0, 5)).toBe(0);
});

it('counts what failed', () => {
  expect(failedCalls(CALLS)).toBe(1);
});
