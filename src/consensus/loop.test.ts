/** The loop's turns: there is one when there is something to do, and none when there is not. */
import { expect, it, vi } from 'vitest';
import { TestCluster, text } from '../../sim/rigs/test-cluster.ts';

async function roundsOfTheEventLoop(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

it('an idle node takes no turns', async () => {
  await using cluster = new TestCluster(1, { tickIntervalMs: 60_000 });
  const { node } = await cluster.start('n1');
  await node.propose(text('one'));
  await node.readIndex();
  await roundsOfTheEventLoop(50);
  const turns = vi.spyOn(cluster.world.clock, 'soon');
  await roundsOfTheEventLoop(50);
  expect(turns.mock.calls.length).toBe(0);
});

it('reads and proposals that come while others are under way need no tick to go on', async () => {
  // No tick comes: what needed one would end at its deadline.
  await using cluster = new TestCluster(3, { tickIntervalMs: 60_000 });
  await cluster.startAll();
  cluster.nodes.get('n1')?.node.campaign();
  const leader = await cluster.leader();
  const [follower] = cluster.followers(leader);
  for (let i = 0; i < 50; i++) {
    await Promise.all([
      follower?.node.readIndex(),
      Promise.resolve().then(() => follower?.node.readIndex()),
      follower?.node.propose(text(String(i))),
    ]);
  }
  expect(follower?.machine.journal.length).toBe(50);
});

it('what was refused while too much was uncommitted goes on without a tick', async () => {
  await using cluster = new TestCluster(1, { tickIntervalMs: 60_000, maxUncommittedBytes: 1_000 });
  const { node, machine } = await cluster.start('n1');
  const large = 'x'.repeat(200 * 1024);
  // Two do not fit into one entry, and the second entry not beside the first.
  await Promise.all(Array.from({ length: 10 }, () => node.propose(text(large))));
  expect(machine.journal.length).toBe(10);
});
