/**
 * Goal: a run that fails is made smaller and shown with its last lines; one that does not take the same way again is
 * said to be so; time that is over ends the search with what was found. Method: runs judged by a rule on their plan.
 */
import { expect, it } from 'vitest';
import type { RunPlan } from './plan.ts';
import type { RunResult } from './run-plan.ts';
import { shrinkFailing } from './shrink-failing.ts';

const PLAN: RunPlan = {
  seed: 9,
  mode: 'all',
  workload: 'kv',
  shape: { size: 3, tuning: {}, storage: {} },
  rounds: [{ faultMs: 1_000, faults: [{ atMs: 5, kind: 'kill', args: { who: 'leader' } }] }],
  operations: Array.from({ length: 100 }, (_, at) => {
    return { client: 2, atMs: at, kind: 'put', args: [`k${at}`] };
  }),
};
const WORDS = {
  what: 'operation',
  text: ({ kind, args }: { kind: string; args: readonly unknown[] }) => `${kind} ${args.join(' ')}`,
};

/** Needs the kill and k3; its hash is the number of what it has. */
async function run(plan: RunPlan, onLine?: (line: string) => void): Promise<RunResult> {
  const isKilled = plan.rounds.some(({ faults }) => faults.length > 0);
  const isPut = plan.operations.some(({ args }) => args[0] === 'k3');
  for (let line = 1; line <= 100; line++) onLine?.(`line ${line}`);
  onLine?.('  1.000 !!!! lost: k3');
  const message = `k3 is lost\nof ${plan.operations.length}`;
  return {
    plan,
    hash: `${plan.operations.length}`,
    violation: isKilled && isPut ? { checker: 'lost', message, atMs: 90 } : undefined,
  } as unknown as RunResult;
}

async function shown(options: { failing?: RunResult; msMax?: number } = {}) {
  const lines: string[] = [];
  const progress: string[] = [];
  const smallest = await shrinkFailing(options.failing ?? (await run(PLAN)), {
    run,
    msMax: options.msMax ?? 60_000,
    words: WORDS,
    say: (line) => lines.push(line),
    progress: (line) => progress.push(line),
  });
  return { smallest, lines, progress };
}

it('shows what is left, its last lines, and the message at the end', async () => {
  const { smallest, lines, progress } = await shown();
  expect(smallest?.plan.operations.map(({ args }) => args)).toEqual([['k3']]);
  expect(smallest?.trace).toHaveLength(60);
  expect(lines[0]).toBe('making seed 9 smaller, for 60 s at most');
  expect(lines[1]).toMatch(
    /^what it needs: 3 nodes, 1 round, 1 fault, 1 operation \(found in \d+ runs\)$/,
  );
  expect(lines.slice(2, 5)).toEqual([
    '  round 1: 1000 ms',
    '         5 ms kill who leader',
    '         3 ms client 2: put k3',
  ]);
  expect(lines.slice(-3)).toEqual(['  line 100', '           k3 is lost', '           of 1']);
  expect(progress[0]).toBe('seed 9: 1 run, down to 3 nodes, 1 round, 1 fault, 91 operations');
});

it('leaves a run alone that is another one each time', async () => {
  const failing = { ...(await run(PLAN)), hash: 'another' };
  const { smallest, lines } = await shown({ failing });
  expect(smallest).toBeUndefined();
  expect(lines.at(-1)).toContain('it does not take the same way again');
});

it('ends in time, with the smallest so far', async () => {
  const { smallest, lines } = await shown({ msMax: -1 });
  expect(smallest?.plan).toEqual(PLAN);
  expect(lines).toContain('-0.001 s are over: a smaller one may be left');
  expect(lines).toContain('    60 operations, and then');
});
