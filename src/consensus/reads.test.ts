/** Reads that wait: one question for many, nothing kept of those that gave up. */
import { describe, expect, it } from 'vitest';
import { ClusterError } from '../errors.ts';
import { READS_WAITING_MAX } from '../limits.ts';
import { Reads } from './reads.ts';

class Bench {
  now = 0;
  applied = 0;
  hasLeader = true;
  isRestoring = false;
  explained = 0;
  readonly asked: Uint8Array[] = [];
  readonly reads: Reads = new Reads(
    {
      now: () => this.now,
      appliedIndex: () => this.applied,
      isRestoring: () => this.isRestoring,
      askReadIndex: (context) => {
        if (this.hasLeader) this.asked.push(context);
        return this.hasLeader;
      },
      explainWaiting: () => {
        this.explained++;
        return new ClusterError('NO_LEADER', 'nobody leads');
      },
    },
    7,
    3,
  );

  add(): Promise<void> {
    const { promise } = this.reads.add(this.now + 10);
    promise.catch(() => undefined);
    return promise;
  }

  answerLast(index: number): void {
    this.reads.answered([{ index, context: this.asked.at(-1) as Uint8Array }]);
  }
}

async function outcome(promise: Promise<void>): Promise<string> {
  const done = promise.then(
    () => 'done',
    (error: ClusterError) => error.code,
  );
  return await Promise.race([done, Promise.resolve().then(() => Promise.resolve('open'))]);
}

describe('reads', () => {
  it('one question for all that wait; released once the index is applied', async () => {
    const bench = new Bench();
    const [a, b] = [bench.add(), bench.add()];
    bench.reads.ask();
    const later = bench.add();
    bench.reads.ask();
    expect(bench.asked.length).toBe(1);
    bench.answerLast(5);
    expect(await outcome(a)).toBe('open');
    bench.applied = 5;
    bench.reads.release();
    expect([await outcome(a), await outcome(b), await outcome(later)]).toEqual([
      'done',
      'done',
      'open',
    ]);
  });

  it('nobody reads a state that is being replaced, whatever was applied before', async () => {
    const bench = new Bench();
    bench.applied = 5;
    bench.isRestoring = true;
    const read = bench.add();
    const local = bench.reads.addLocal(10).promise;
    bench.reads.ask();
    bench.answerLast(5);
    expect([await outcome(read), await outcome(local)]).toEqual(['open', 'open']);
    bench.isRestoring = false;
    bench.reads.release();
    expect([await outcome(read), await outcome(local)]).toEqual(['done', 'done']);
  });

  it('N-21 the answer to a question that was given up confirms nothing', async () => {
    const bench = new Bench();
    const read = bench.add();
    bench.reads.ask();
    bench.reads.leaderChanged();
    bench.reads.ask();
    expect(bench.asked.length).toBe(2);
    bench.reads.answered([{ index: 0, context: bench.asked[0] as Uint8Array }]);
    expect(await outcome(read)).toBe('open');
    bench.answerLast(0);
    expect(await outcome(read)).toBe('done');
  });

  it('keeps nothing of those who gave up, also while nobody leads or nothing is applied', async () => {
    const bench = new Bench();
    const confirmed = bench.add();
    bench.reads.ask();
    bench.answerLast(1_000);
    bench.hasLeader = false;
    const reads = Array.from({ length: 100 }, () => bench.add());
    bench.reads.ask();
    expect(bench.reads.held).toBe(101);
    bench.now = 10;
    bench.reads.expire();
    bench.reads.tick();
    expect(bench.reads.held).toBe(0);
    expect(bench.explained).toBe(1);
    for (const read of [confirmed, ...reads]) expect(await outcome(read)).toBe('NO_LEADER');
  });

  it('refuses what is too much', () => {
    const bench = new Bench();
    bench.hasLeader = false;
    for (let i = 0; i < READS_WAITING_MAX; i++) void bench.add();
    expect(() => bench.add()).toThrow(/reads wait already/);
  });
});
