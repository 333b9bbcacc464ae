/**
 * A planned hand-over: how long nothing is acknowledged. Method: whole nodes in the simulated world, where a
 * sync takes exactly as long as the test says, so that the syncs that a write waits for can be counted.
 *
 * Three are needed one after the other: of the heir's own vote, of the vote of one more, and of the new
 * leader's first entry. What was proposed meanwhile, on whichever node, must be in the log together with that
 * entry; each of the ways in which it comes later would cost a fourth.
 */
import { describe, expect, it } from 'vitest';
import { SimCluster } from '../../sim/cluster/sim-cluster.ts';
import type { SimProcess } from '../../sim/cluster/sim-process.ts';
import { encodeCommand } from '../state/index.ts';
import type { NodeStatus } from './types.ts';

const SYNC_MS = 20;
/** Of the network and of the nodes themselves, all in all. */
const REST_MS = 10;
const ELECTION_MS = 1_000;
const HOUR_MS = 3_600_000;

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

describe('one that comes to nothing', () => {
  /** Its syncs never end, so it never gets its own vote. */
  async function withStuckHeir(): Promise<{ cluster: SimCluster; leader: string; heir: string }> {
    const { cluster, leader } = await slowCluster(3);
    const heir = cluster.founders.find((name) => name !== leader) as string;
    cluster.machine(heir).diskConditions.sync = { typicalMs: HOUR_MS, maxMs: HOUR_MS };
    return { cluster, leader, heir };
  }

  it.each(['leader', 'heir'])(
    'is told to who asked the %s as soon as the leader goes on',
    async (where) => {
      const { cluster, leader, heir } = await withStuckHeir();
      const beganMs = cluster.nowMs;
      const transfer = cluster.ask({ leader, heir }[where] as string, ({ engine }) =>
        engine.transferLeadership(heir, { timeoutMs: HOUR_MS }),
      );
      await expect(cluster.settled(transfer)).rejects.toMatchObject({
        code: 'TRANSFER_TIMED_OUT',
        message: `${heir} did not take over in time; ${leader} leads: see whether it is running and has caught up, then try again`,
      });
      expect(cluster.nowMs - beganMs).toBeLessThan(ELECTION_MS + 200);
    },
  );

  it('is told when the heir has died and the others have elected somebody else', async () => {
    const { cluster, leader } = await slowCluster(3);
    const heir = cluster.founders.find((name) => name !== leader) as string;
    const transfer = cluster.ask(leader, ({ engine }) =>
      engine.transferLeadership(heir, { timeoutMs: HOUR_MS }),
    );
    const { engine } = cluster.machine(leader).process as SimProcess;
    await cluster.until(() => !engine.isLeader, ELECTION_MS);
    // The vote for it is not on disk yet.
    cluster.kill(heir);
    await expect(cluster.settled(transfer)).rejects.toMatchObject({ code: 'TRANSFER_TIMED_OUT' });
    expect(cluster.agreedLeader).toBeDefined();
  });
});

/**
 * Whoever was made a voter a moment ago has a change in its log of which it does not know yet whether it is
 * committed, and finds out while it is to take over.
 */
it.each(Array.from({ length: 20 }, (_, at) => at + 1))(
  'N-26 N-31 goes at once to who got its vote a moment ago (seed %i)',
  async (seed) => {
    const cluster = new SimCluster({ seed, size: 3 });
    cluster.startAll();
    await cluster.until(() => cluster.agreedLeader !== undefined, 10_000);
    const leader = cluster.agreedLeader as string;
    const machine = cluster.addMachine('n4');
    const joins = cluster.ask(leader, ({ engine }) => engine.addNode('n4', machine.address));
    machine.join = await cluster.settled(joins);
    const statusOf = (name: string): NodeStatus =>
      (cluster.machine(name).process as SimProcess).engine.status();
    const isVoter = (): boolean => {
      const { members } = statusOf(leader);
      return members.some(({ nodeId, role }) => nodeId === 'n4' && role === 'voter');
    };
    cluster.start('n4');
    await cluster.until(isVoter, 10_000);
    // The change is settled by one more, a tick later: somewhere in the time that this takes.
    const { lastIndex } = statusOf(leader);
    await cluster.until(() => statusOf(leader).lastIndex > lastIndex, 1_000);
    await cluster.run(seed / 10);
    const beganMs = cluster.nowMs;
    await cluster.settled(cluster.ask(leader, ({ engine }) => engine.transferLeadership('n4')));
    expect(statusOf('n4').role).toBe('leader');
    expect(cluster.nowMs - beganMs).toBeLessThan(200);
  },
);
