/** Goal: a plan follows from its seed, and the command that repeats a run names the very same plan. */
import { expect, it } from 'vitest';
import { planRun } from './plan.ts';

it('is the same when what was drawn is given', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const drawn = planRun(seed, { mode: 'any' });
    const { mode, workload, shape } = drawn;
    expect(planRun(seed, { mode, workload, nodes: shape.size })).toEqual(drawn);
  }
});

it('is plain data', () => {
  const plan = planRun(7, { mode: 'all', nodes: 3 });
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
});
