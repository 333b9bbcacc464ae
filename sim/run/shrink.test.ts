/**
 * Goal: of a failing plan what remains is what the failure needs, and another failure is never taken for it.
 * Method: runs that are judged by a rule on their plan.
 */
import { expect, it } from 'vitest';
import { sizeOf } from './found-lines.ts';
import { QUIET_MS, type RunPlan } from './plan.ts';
import type { RunResult } from './run-plan.ts';
import { cutOff, shrink } from './shrink.ts';

const PLAN: RunPlan = {
  seed: 1,
  mode: 'all',
  workload: 'kv',
  shape: { size: 5, tuning: {}, storage: {} },
  rounds: [1, 2, 3].map((round) => ({
    faultMs: 1_000,
    faults: Array.from({ length: 10 }, (_, at) => ({ atMs: at, kind: `${round}/${at}`, args: {} })),
  })),
  operations: Array.from({ length: 60 }, (_, at) => ({
    client: 1,
    atMs: at,
    kind: `op ${at}`,
    args: [],
  })),
};

/** Fails with the answer of the rule. */
function runner(rule: (faults: string[], operations: string[]) => string | undefined) {
  const plans: RunPlan[] = [];
  const run = async (plan: RunPlan): Promise<RunResult> => {
    plans.push(plan);
    const faults = plan.rounds.flatMap((round) => round.faults.map(({ kind }) => kind));
    const checker = rule(
      faults,
      plan.operations.map(({ kind }) => kind),
    );
    return {
      plan,
      violation: checker && { checker, message: '', atMs: 0 },
    } as unknown as RunResult;
  };
  return { run, plans };
}

it('keeps the two faults and the three operations that it takes', async () => {
  const { run } = runner((faults, operations) => {
    const isThere = faults.includes('2/3') && faults.includes('2/8');
    const isAsked = ['op 7', 'op 8', 'op 41'].every((one) => operations.includes(one));
    return isThere && isAsked ? 'lost' : undefined;
  });
  const { result } = await shrink(await run(PLAN), { run, triesMax: 1_000 });
  expect(sizeOf(result.plan)).toBe('3 nodes, 1 round, 2 faults, 3 operations');
  expect(result.plan.operations.map(({ kind }) => kind)).toEqual(['op 7', 'op 8', 'op 41']);
  expect(result.plan.rounds[0]?.faults.map(({ kind }) => kind)).toEqual(['2/3', '2/8']);
});

it('does not take another failure for the one that it was given', async () => {
  const { run } = runner((faults) => (faults.length > 20 ? 'lost' : 'another'));
  const { result } = await shrink(await run(PLAN), { run, triesMax: 1_000 });
  expect(result.violation?.checker).toBe('lost');
  expect(result.plan.rounds.flatMap((round) => round.faults)).toHaveLength(21);
});

it('ends when it has tried as often as it may', async () => {
  const { run, plans } = runner(() => 'lost');
  const first = await run(PLAN);
  const { tries } = await shrink(first, { run, triesMax: 3 });
  expect([tries, plans.length]).toEqual([3, 4]);
});

it('ends when nobody wants a further try', async () => {
  const { run, plans } = runner(() => 'lost');
  const told: number[] = [];
  const { tries } = await shrink(await run(PLAN), {
    run,
    triesMax: 1_000,
    isOver: () => told.length === 2,
    onTry: (count) => told.push(count),
  });
  expect([tries, plans.length, told]).toEqual([2, 3, [1, 2]]);
});

it('cuts off what was planned for after the violation, and nothing before', async () => {
  const secondMs = 1_000 + QUIET_MS;
  const cut = cutOff(PLAN, secondMs + 4);
  expect(cut.rounds.map(({ faults }) => faults.length)).toEqual([10, 5]);
  expect(cut.operations).toHaveLength(60);
  expect(cutOff(PLAN, secondMs - 1).rounds).toHaveLength(1);
  expect(cutOff(PLAN, 20).operations.map(({ atMs }) => atMs)).toEqual([...Array(21).keys()]);
  expect(cutOff(PLAN, Infinity)).toEqual(PLAN);
});
