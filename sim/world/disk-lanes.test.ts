/** For how long a simulated disk has owed answers: what a stop that gives up on it is excused by. */
import { describe, expect, it } from 'vitest';

import { healthyDisk, nothingStruck } from './disk-conditions.ts';
import { DiskLanes, type DiskWork } from './disk-lanes.ts';
import { SeededRandom } from './seeded-random.ts';

const SYNC: DiskWork<void> = { latency: 'sync', bytes: 0, effect: () => {} };

/** Lanes whose answers come when the test says so, at the time that it says. */
class Bench {
  nowMs = 0;
  readonly #due: (() => void)[] = [];
  readonly lanes: DiskLanes = new DiskLanes({
    loop: {
      now: () => this.nowMs,
      io: (_delayMs, callback) => {
        this.#due.push(callback);
        return { cancel: () => {} };
      },
      after: () => ({ cancel: () => {} }),
      operation: () => true,
      isDead: false,
    },
    random: new SeededRandom(1),
    conditions: healthyDisk(),
    struck: nothingStruck(),
    isGone: () => false,
  });

  /** Everything that was asked for takes effect and is answered. */
  answerAll(): void {
    for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift()) next();
  }
}

describe('a disk owes', () => {
  it('as long as an operation is under way, and nothing behind a pause', () => {
    const bench = new Bench();
    void bench.lanes.run('a', SYNC);
    bench.nowMs = 40;
    expect(bench.lanes.owesForMs).toBe(40);
    bench.answerAll();
    expect(bench.lanes.owesForMs).toBe(0);
    // At the same moment: no pause.
    void bench.lanes.run('b', SYNC);
    expect(bench.lanes.owesForMs).toBe(40);
    bench.answerAll();
    bench.nowMs = 50;
    void bench.lanes.run('c', SYNC);
    expect(bench.lanes.owesForMs).toBe(0);
  });

  it('for the very time that a timer set at the same moment takes, whatever the fractions', () => {
    const bench = new Bench();
    bench.nowMs = 6_519.837;
    void bench.lanes.run('a', SYNC);
    bench.nowMs += 3_000;
    expect(bench.nowMs - 6_519.837).toBeLessThan(3_000);
    expect(bench.lanes.owesForMs).toBe(3_000);
  });
});
