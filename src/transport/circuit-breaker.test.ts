import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../sim/rigs/transport-rig.ts';
import { ManualClock } from '../../sim/world/manual-clock.ts';
import { Backoff } from './backoff.ts';
import { CircuitBreaker } from './circuit-breaker.ts';

function fail(breaker: CircuitBreaker, times: number): void {
  for (let i = 0; i < times; i++) breaker.recordFailure();
}

describe('CircuitBreaker', () => {
  it('S-7 has 5 failures, 30 s; it is closed and allows calls', () => {
    const breaker = new CircuitBreaker(new ManualClock());
    expect([breaker.failuresMax, breaker.resetMs, breaker.state]).toEqual([5, 30_000, 'closed']);
    expect(breaker.call()).toBe(true);
  });

  it('S-8 a success after two failures counts from 0 again', () => {
    const breaker = new CircuitBreaker(new ManualClock());
    fail(breaker, 2);
    breaker.recordSuccess();
    expect([breaker.failures, breaker.state]).toEqual([0, 'closed']);
    fail(breaker, 4);
    expect(breaker.state).toBe('closed');
  });

  it('S-9, S-10, S-15 open after the fifth failure, and then it rejects', () => {
    const breaker = new CircuitBreaker(new ManualClock());
    fail(breaker, 4);
    expect([breaker.state, breaker.call()]).toEqual(['closed', true]);
    fail(breaker, 1);
    expect([breaker.state, breaker.call()]).toEqual(['open', false]);
  });

  it('S-11 allows a probe after the reset time, and is half-open', async () => {
    const clock = new ManualClock();
    const breaker = new CircuitBreaker(clock, { resetMs: 100 });
    fail(breaker, 5);
    await clock.advance(99);
    expect(breaker.call()).toBe(false);
    expect(breaker.waitMs).toBeCloseTo(1, 6);
    await clock.advance(51);
    expect([breaker.call(), breaker.state]).toEqual([true, 'half-open']);
  });

  it('SD-21 half-open lets exactly one probe through', async () => {
    const clock = new ManualClock();
    const breaker = new CircuitBreaker(clock, { resetMs: 100 });
    fail(breaker, 5);
    await clock.advance(100);
    expect(Array.from({ length: 5 }, () => breaker.call())).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
    await clock.advance(99);
    expect(breaker.call()).toBe(false);
    await clock.advance(1);
    expect(breaker.call()).toBe(true);
  });

  it('S-12 a probe that works closes it', async () => {
    const clock = new ManualClock();
    const breaker = new CircuitBreaker(clock, { resetMs: 100 });
    fail(breaker, 5);
    await clock.advance(100);
    breaker.call();
    breaker.recordSuccess();
    expect([breaker.state, breaker.failures, breaker.call()]).toEqual(['closed', 0, true]);
  });

  it('S-13 a probe that fails opens it again, for the whole time', async () => {
    const clock = new ManualClock();
    const breaker = new CircuitBreaker(clock, { resetMs: 100 });
    fail(breaker, 5);
    await clock.advance(100);
    breaker.call();
    breaker.recordFailure();
    expect(breaker.state).toBe('open');
    await clock.advance(99);
    expect(breaker.call()).toBe(false);
  });

  it('S-14 isOpen: no, yes after five failures, no when the time is over although nothing called', async () => {
    const clock = new ManualClock();
    const breaker = new CircuitBreaker(clock, { resetMs: 100 });
    expect(breaker.isOpen).toBe(false);
    fail(breaker, 5);
    expect(breaker.isOpen).toBe(true);
    await clock.advance(100);
    expect([breaker.isOpen, breaker.state]).toEqual([false, 'open']);
  });

  it('S-16 calls, failures and successes of ten users at once leave it in order', () => {
    const breaker = new CircuitBreaker(new ManualClock());
    const users = Array.from({ length: 10 }, () => breaker.call());
    expect(users).toEqual(Array.from({ length: 10 }, () => true));
    for (const [at] of users.entries()) {
      if (at % 2 === 0) breaker.recordFailure();
      else breaker.recordSuccess();
    }
    expect([breaker.state, breaker.failures]).toEqual(['closed', 0]);
  });

  it('S-17 with backoff: of ten attempts five go through, and the wait has grown', () => {
    const breaker = new CircuitBreaker(new ManualClock());
    const backoff = new Backoff(seededRandom(1));
    const waits: number[] = [];
    for (let i = 0; i < 10; i++) {
      if (!breaker.call()) continue;
      waits.push(backoff.next());
      breaker.recordFailure();
    }
    expect(waits.length).toBe(5);
    expect(waits[4]).toBeGreaterThan(waits[0]! * 4);
    expect(breaker.state).toBe('open');
  });
});
