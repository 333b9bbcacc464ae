/** Goal: a plan follows from its seed, and the command that repeats a run names the very same plan. */
import { expect, it } from 'vitest';
import { validateConfig } from '../../src/consensus/check-config.ts';
import { defaultConfig } from '../../src/consensus/index.ts';
import { MODES } from '../faults/index.ts';
import { WORKLOADS } from '../workloads/index.ts';
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

it('tells nodes what its workload needs, and nothing that they would refuse', () => {
  for (let seed = 1; seed <= 60; seed++) {
    for (const [workload, { tuning = {} }] of Object.entries(WORKLOADS)) {
      const { shape } = planRun(seed, { mode: 'all', workload });
      expect(shape.tuning).toMatchObject(tuning);
      const config = {
        ...defaultConfig(),
        ...shape.tuning,
        nodeId: 'n1',
        cluster: { name: 'sim', members: [{ nodeId: 'n1', address: 'n1:7000' }] },
      };
      expect(() => validateConfig(config)).not.toThrow();
    }
  }
});

it('has spare faults enough for the whole minimum, in each mode and size', () => {
  for (const mode of Object.keys(MODES)) {
    for (const nodes of [1, 3]) {
      const { rounds, minimum } = planRun(1, { mode, nodes });
      const spares = rounds.map(({ faults }) => faults.filter(({ isSpare }) => isSpare).length);
      const share = Math.ceil((minimum?.faults ?? 0) / rounds.length);
      for (const count of spares) expect(count).toBeGreaterThanOrEqual(share);
      for (const { faults, faultMs } of rounds) {
        for (const { atMs } of faults) expect(atMs).toBeLessThan(faultMs);
      }
    }
  }
});
