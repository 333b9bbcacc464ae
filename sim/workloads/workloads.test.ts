/**
 * Every workload on a cluster to which nothing happens: its operations succeed, and its judge accepts. And
 * on one to which something does: the judge still accepts, and outcomes are told apart.
 */
import { describe, expect, it } from 'vitest';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { SeededRandom } from '../world/seeded-random.ts';
import { WORKLOADS } from './index.ts';
import { tryWorkload } from './workload.fixture.ts';

const ALL = Object.entries(WORKLOADS);

/** A leader is killed, a machine loses power, another one is cut off from its peers and a client. */
function troubles(cluster: SimCluster): void {
  const { nature } = cluster.kernel;
  const again = (name: string): void => {
    if (cluster.machine(name).process === undefined) cluster.start(name);
  };
  nature.after(2_500, () => {
    const leader = cluster.agreedLeader ?? 'n1';
    cluster.kill(leader);
    nature.after(900, () => again(leader));
  });
  nature.after(4_500, () => {
    cluster.cutPower('n2');
    nature.after(1_200, () => again('n2'));
  });
  nature.after(6_500, () => {
    for (const other of ['n1', 'n2', 'c1']) cluster.network.cutBoth('n3', other);
    nature.after(1_800, () => {
      for (const other of ['n1', 'n2', 'c1']) cluster.network.heal('n3', other);
    });
  });
}

describe('workloads', () => {
  it.each(ALL)('%s is accepted where nothing happens', async (_name, workload) => {
    const { run, planned } = await tryWorkload(workload);
    const { ok, failed, unknown } = run.counts;
    expect(ok + failed + unknown).toBe(planned);
    // Before there is a leader, deadlines pass; sessions repeat on purpose what is refused.
    expect(ok).toBeGreaterThan(planned * 0.75);
  });

  it.each(ALL)('%s is accepted where machines die and links are cut', async (_name, workload) => {
    const options = { seed: 11, meanwhile: troubles, operations: 160 };
    const { run, planned } = await tryWorkload(workload, options);
    const { ok, failed, unknown } = run.counts;
    expect(ok + failed + unknown).toBe(planned);
    expect(ok).toBeGreaterThan(planned / 2);
    expect(failed + unknown).toBeGreaterThan(0);
  });

  it.each(ALL)('%s plans the same from the same seed, as plain data', (_name, workload) => {
    const plan = (seed: number) =>
      workload.plan({ random: new SeededRandom(seed), durationMs: 60_000, operations: 500 });
    const planned = plan(3);
    expect(plan(3)).toEqual(planned);
    expect(plan(4)).not.toEqual(planned);
    expect(JSON.parse(JSON.stringify(planned))).toEqual(planned);
    expect(planned.length).toBeGreaterThanOrEqual(500);
    const clients = new Set(planned.map(({ client }) => client)).size;
    expect(clients).toBeGreaterThanOrEqual(4);
    expect(clients).toBeLessThanOrEqual(8);
    const times = planned.map(({ atMs }) => atMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('runs the same twice, to the last byte on the wire', async () => {
    const traces: (string | number)[] = [];
    for (const _ of [1, 2]) {
      const { cluster } = await tryWorkload(WORKLOADS['sessions']!, { durationMs: 4_000 });
      traces.push(`${cluster.trace.hash} ${cluster.kernel.callbacks}`);
    }
    expect(traces[0]).toBe(traces[1]);
  });
});
