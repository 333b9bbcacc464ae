/**
 * Linearizable reads where the one who is asked is no plain voter in quiet times: a learner, a group in the
 * middle of a hand-over, a node that was removed. What is acknowledged before a read is seen by it, or the
 * read fails.
 */
import { expect, it } from 'vitest';
import { codeOf, leaderOf, type Made, Stage } from './scenarios.fixture.ts';

it('on a learner sees what was acknowledged before', async () => {
  await using stage = new Stage(3);
  const nodes = await stage.startAll();
  const leader = await leaderOf(nodes);
  const join = await leader.node.addLearner('n4', 'n4:1');
  const learner = await stage.start('n4', { join });
  for (let i = 1; i <= 30; i++) {
    await nodes[i % 3]?.node.propose(Buffer.from(`w${i}`));
    await learner.node.readIndex();
    expect(learner.machine.journal.length).toBe(i);
  }
  expect(leader.node.status().members.at(-1)).toMatchObject({ nodeId: 'n4', role: 'learner' });
});

it('during a hand-over is answered on each node, by what was acknowledged before', async () => {
  await using stage = new Stage(3);
  const nodes = await stage.startAll();
  for (let round = 1; round <= 10; round++) {
    const leader = await leaderOf(nodes);
    const heir = nodes.find((made) => made !== leader) as Made;
    await heir.node.propose(Buffer.from(`w${round}`));
    const transferred = leader.node.transferLeadership(heir.node.nodeId);
    const seen = nodes.map(async ({ node, machine }) => {
      await node.readIndex();
      return machine.journal.length;
    });
    expect(await Promise.all(seen)).toEqual([round, round, round]);
    await transferred;
  }
});

it('at a node that is removed meanwhile fails, and so does each that comes later', async () => {
  await using stage = new Stage(3);
  const nodes = await stage.startAll();
  const leader = await leaderOf(nodes);
  const { node } = nodes.find((made) => made !== leader) as Made;
  // It hears nothing of the log any more.
  stage.bus.isolate(node.status().raftId);
  const waiting = codeOf(node.readIndex({ timeoutMs: 60_000 }));
  expect(await leader.node.removeNode(node.nodeId)).toBe(true);
  await leader.node.propose(Buffer.from('without it'));
  expect(await waiting).toBe('NODE_FAILED');
  expect(await node.failed).toMatchObject({ code: 'MEMBER_REMOVED' });
  for (const consistency of ['linearizable', 'local'] as const) {
    expect(await codeOf(node.readBarrier({ consistency }))).toBe('NODE_FAILED');
  }
});
