/**
 * Goal: what is demanded of a run in its quiet phases, and of its size, can fail: a cluster that does not lead as
 * it should, or a run in which too little happened, is told. Method: short runs of small clusters, in which a
 * checker plays the fault that no healing takes away.
 */
import { describe, expect, it } from 'vitest';
import type { Checker } from '../checkers/checker.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { planRun, type RunPlan } from './plan.ts';
import { type RunResult, runPlan } from './run-plan.ts';

const FAULT_MS = 2_000;
const { minimum, ...full } = planRun(1, { mode: 'calm', workload: 'plain', nodes: 3 });
const PLAN: RunPlan = {
  ...full,
  shape: {
    ...full.shape,
    tuning: { ...full.shape.tuning, tickIntervalMs: 100, electionTicks: 10, checkQuorum: true },
  },
  rounds: [{ faultMs: FAULT_MS, faults: [] }],
  operations: [],
};

/** Does it again and again, from the time on at which all is healed. */
function meddler(everyMs: number, meddle: (cluster: SimCluster) => void): Checker {
  let nextMs = 1_500;
  return {
    name: 'meddles',
    step: (_loop, cluster) => {
      if (cluster.nowMs < nextMs) return;
      nextMs = cluster.nowMs + everyMs;
      meddle(cluster);
    },
  };
}

async function violationOf(checker: Checker): Promise<RunResult['violation']> {
  return (await runPlan(PLAN, { checkers: [checker] })).violation;
}

function cut(cluster: SimCluster, a: string, b: string): void {
  for (const [from, to] of [[a, b] as const, [b, a] as const]) {
    cluster.network.link(from, to).isCut = true;
  }
}

describe('a quiet phase', () => {
  it('is well with a cluster that is', async () => {
    expect(await violationOf(meddler(1, () => undefined))).toBeUndefined();
  });

  it('demands a leader when a majority runs, before the last node is there', async () => {
    const violation = await violationOf(
      meddler(1, (cluster) => {
        cut(cluster, 'n1', 'n2');
        cluster.kill('n3');
      }),
    );
    expect(violation?.checker).toBe('progress in quiet times');
    expect(violation?.message).toContain('although a majority of the voters runs');
    // Long before the bound for nodes that do not start.
    expect(violation?.atMs).toBeLessThan(30_000);
  });

  it('demands nothing of a minority: then it is the nodes that are missing', async () => {
    const violation = await violationOf(
      meddler(1, (cluster) => {
        cluster.kill('n2');
        cluster.kill('n3');
      }),
    );
    expect(violation?.message).toContain('no every node started within');
  });

  it('bears a leader that changes once, and none that changes again and again', async () => {
    const handOver = (cluster: SimCluster): void => {
      const leader = cluster.agreedLeader;
      const heir = cluster.founders.find((name) => name !== leader);
      if (leader === undefined || heir === undefined) return;
      cluster
        .ask(leader, ({ engine }) => engine.transferLeadership(heir, { timeoutMs: 500 }))
        .catch(() => undefined);
    };
    expect(await violationOf(meddler(5_000, handOver))).toBeUndefined();
    const violation = await violationOf(meddler(700, handOver));
    expect(violation?.checker).toBe('progress in quiet times');
    expect(violation?.message).toMatch(/^\d more leaders were elected after all had agreed on one/);
  });
});

describe('the minimum', () => {
  it('is missed by a run in which too little happened, and each figure is named', async () => {
    const { violation } = await runPlan({ ...PLAN, minimum });
    expect(violation?.checker).toBe('enough happened');
    expect(violation?.message).toMatch(
      /: \d{5} ms of simulated time of at least 60000; 0 operations of at least 500; 0 faults .* 10$/,
    );
  });

  it('brings up spare faults when the others find nobody, and not otherwise', async () => {
    const spare = { kind: 'wrong-clock', args: { who: 'any', skewMs: 500, ms: 50 } };
    const faults = [
      { atMs: 100, kind: 'wrong-clock', args: spare.args },
      // Nobody to tell: it is alone.
      { atMs: 200, kind: 'bridge', args: { ms: 100 } },
      ...[1_000, 1_100, 1_200].map((atMs) => ({ ...spare, atMs, isSpare: true as const })),
    ];
    const alone = { ...PLAN, shape: { ...PLAN.shape, size: 1 } };
    const struckOf = async (plan: RunPlan): Promise<RunResult['faults']> =>
      (await runPlan(plan)).faults;
    const rounds = [{ faultMs: FAULT_MS, faults }];
    const wanted = { simulatedMs: 0, operations: 0, faults: 3 };
    expect(await struckOf({ ...alone, rounds, minimum: wanted })).toEqual({ 'wrong-clock': 3 });
    expect(await struckOf({ ...alone, rounds })).toEqual({ 'wrong-clock': 1 });
  });
});
