/** Goal: it waits as long as it should, and ends. Method: a clock of the test's own. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { until } from './waiting.ts';

let nowMs = 0;

beforeEach(() => {
  nowMs = 0;
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** How it ended, and when; each pause of 25 ms takes `pauseMs`. */
async function endOf(waiting: Promise<unknown>, pauseMs: number): Promise<[string, number]> {
  let end: string | undefined;
  waiting.then(
    (value) => {
      end = String(value);
    },
    ({ message }: Error) => {
      end = message;
    },
  );
  while (end === undefined) {
    nowMs += pauseMs;
    await vi.advanceTimersByTimeAsync(25);
  }
  return [end, nowMs];
}

it('gives what was seen', async () => {
  let looks = 0;
  const waiting = until('three', 1_000, () => ++looks === 3 && 'seen');
  expect(await endOf(waiting, 25)).toEqual(['seen', 50]);
});

it('gives up after its patience', async () => {
  const [end, ms] = await endOf(
    until('godot', 1_000, () => false),
    25,
  );
  expect(end).toBe(`waited 1000 ms in vain for godot (${ms} ms passed)`);
  expect(ms).toBe(1_025);
});

it('bears with pauses that end late, for three times its patience', async () => {
  const [end, ms] = await endOf(
    until('godot', 10_000, () => false),
    1_000,
  );
  expect(end).toBe(`waited 10000 ms in vain for godot (${ms} ms passed)`);
  expect(ms).toBe(31_000);
});

it('counts all the time that a look takes', async () => {
  const slow = async (): Promise<false> => {
    nowMs += 300;
    return false;
  };
  const [, ms] = await endOf(until('godot', 1_000, slow), 25);
  expect(ms).toBeLessThan(2_000);
});
