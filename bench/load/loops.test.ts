/**
 * Goal: the loops count what they say they count. Method: operations that are functions, so that it is known
 * what they did; bounds that a slow machine can only meet more easily.
 */
import { expect, it } from 'vitest';
import { closedLoop, type Issue } from './closed-loop.ts';
import { openLoop } from './open-loop.ts';

const NOBODY = { serverPids: [] } as const;
const instantly: Issue = (_number, done) => setImmediate(done);

function blockFor(ms: number): void {
  const endAt = performance.now() + ms;
  while (performance.now() < endAt);
}

it('a closed loop keeps so many in flight, and never more', async () => {
  let running = 0;
  let most = 0;
  const issue: Issue = (_number, done) => {
    most = Math.max(most, ++running);
    setImmediate(() => {
      running--;
      done();
    });
  };
  const window = { ...NOBODY, warmSeconds: 0.01, seconds: 0.05 };
  const { count } = await closedLoop(issue, { ...window, inflight: 7 });
  expect(most).toBe(7);
  expect(running).toBe(0);
  expect(count).toBeGreaterThan(0);
});

it('a closed loop with a total does each once, and counts all', async () => {
  const seen: number[] = [];
  const issue: Issue = (number, done) => {
    seen.push(number);
    setImmediate(done);
  };
  const window = { ...NOBODY, warmSeconds: 0, seconds: 0 };
  const { count } = await closedLoop(issue, { ...window, inflight: 10, total: 25 });
  expect(count).toBe(25);
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, at) => at));
});

it('what ends before the window or after it does not count', async () => {
  let ended = 0;
  const issue: Issue = (_number, done) =>
    setTimeout(() => {
      ended++;
      done();
    }, 1);
  const window = { ...NOBODY, warmSeconds: 0.1, seconds: 0.1 };
  const { count, seconds, perSecond } = await closedLoop(issue, { ...window, inflight: 5 });
  expect(count).toBeGreaterThan(0);
  // The five that were under way at the end, and all of the warm-up.
  expect(ended).toBeGreaterThanOrEqual(count + 5);
  expect(perSecond).toBeCloseTo(count / seconds, 6);
});

it('failures are no operations, and told by their code', async () => {
  const issue: Issue = (number, done) =>
    setImmediate(done, number % 2 === 0 ? undefined : { code: 'OVERLOADED' });
  const window = { ...NOBODY, warmSeconds: 0, seconds: 0 };
  const result = await closedLoop(issue, { ...window, inflight: 4, total: 100 });
  expect([result.count, result.failed, result.failures]).toEqual([50, 50, { OVERLOADED: 50 }]);
});

it('an open loop charges a stall to all that was due in it', async () => {
  let isBlocked = false;
  const issue: Issue = (number, done) => {
    if (number === 50 && !isBlocked) {
      isBlocked = true;
      blockFor(200);
    }
    instantly(number, done);
  };
  const window = { ...NOBODY, warmSeconds: 0, seconds: 0.5 };
  const { count, latency } = await openLoop(issue, { ...window, rate: 1_000, inflight: 10_000 });
  expect(count).toBeGreaterThan(0);
  // A closed loop would have seen one slow operation; two hundred were due, half of them 100 ms before its end.
  const slow = latency!.buckets
    .filter(([at]) => at > bucketOf50Ms())
    .reduce((n, [, c]) => n + c, 0);
  expect(slow).toBeGreaterThanOrEqual(100);
});

/** 50 ms are 500,000 units: 2^18 and a half, in the bucket of their first eight bits. */
function bucketOf50Ms(): number {
  const shift = 31 - Math.clz32(500_000) - 7;
  return shift * 128 + (500_000 >>> shift);
}

it('an open loop skips what is due beyond its bound, and says how much', async () => {
  const never: (() => void)[] = [];
  const issue: Issue = (_number, done) => {
    never.push(() => done());
    // Let go at the end, or the loop would wait for them.
    if (never.length === 3) setTimeout(() => never.forEach((end) => void end()), 150);
  };
  const window = { ...NOBODY, warmSeconds: 0, seconds: 0.1 };
  const result = await openLoop(issue, { ...window, rate: 1_000, inflight: 3 });
  expect(never).toHaveLength(3);
  expect(result.count).toBe(0);
  expect(result.skipped).toBeGreaterThan(50);
});
