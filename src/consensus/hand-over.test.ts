/**
 * A planned hand-over: how long nothing is acknowledged. Method: whole nodes in the simulated world, where a
 * sync takes exactly as long as the test says, so that the syncs that a write waits for can be counted.
 *
 * Three are needed one after the other: of the heir's own vote, of the vote of one more, and of the new
 * leader's first entry. What was proposed meanwhile, on whichever node, must be in the log together with that
 * entry; each of the ways in which it comes later would cost a fourth.
 */
import { expect, it } from 'vitest';
import { SimCluster } from '../../sim/cluster/sim-cluster.ts';
import { encodeCommand } from '../state/index.ts';

const SYNC_MS = 20;
/** Of the network and of the nodes themselves, all in all. */
const REST_MS = 10;

const COMMAND = encodeCommand({ kind: 'put', key: Buffer.from('k'), value: Buffer.from('v') });

async function slowCluster(seed: number): Promise<{ cluster: SimCluster; leader: string }> {
  const cluster = new SimCluster({ seed, size: 3 });
  cluster.startAll();
  await cluster.until(() => cluster.agreedLeader !== undefined, 10_000);
  await cluster.run(500);
  for (const name of cluster.founders) {
    cluster.machine(name).diskConditions.sync = { typicalMs: 2 * SYNC_MS, maxMs: SYNC_MS };
  }
  return { cluster, leader: cluster.agreedLeader as string };
}

it.each(['leader', 'heir', 'third'])(
  'costs a write on the %s three syncs, whenever it comes',
  async (where) => {
    for (const afterMs of [0.5, SYNC_MS / 2, SYNC_MS + 5, 2 * SYNC_MS - 2]) {
      const { cluster, leader } = await slowCluster(7);
      const [heir, third] = cluster.founders.filter((name) => name !== leader) as [string, string];
      const place = { leader, heir, third }[where] as string;
      const transfer = cluster.ask(leader, ({ engine }) => engine.transferLeadership(heir));
      const beganMs = cluster.nowMs;
      await cluster.run(afterMs);
      await cluster.settled(cluster.ask(place, ({ engine }) => engine.propose(COMMAND)));
      expect([afterMs, cluster.nowMs - beganMs < 3 * SYNC_MS + REST_MS]).toEqual([afterMs, true]);
      await cluster.settled(transfer);
      expect(cluster.agreedLeader).toBe(heir);
    }
  },
);
