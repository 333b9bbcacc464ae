/**
 * Joining a cluster that others founded, leaving it, and coming back as another member.
 */
import { describe, expect, it } from 'vitest';
import {
  JournalMachine,
  TestCluster,
  type TestNode,
  text,
  until,
} from '../../sim/rigs/test-cluster.ts';
import { MemoryStorage } from '../storage/index.ts';

function roles({ node }: TestNode): string[] {
  return node.status().members.map(({ nodeId, role }) => `${nodeId} ${role}`);
}

/** Whoever runs has applied what the leader has. */
async function allKnow(
  { nodes }: TestCluster,
  { node: { appliedIndex } }: TestNode,
): Promise<void> {
  const running = [...nodes.values()].filter(({ node }) => node.phase === 'running');
  await until('all know', () => running.every(({ node }) => node.appliedIndex >= appliedIndex));
}

describe('a node that joins', () => {
  it('S-106 founds nothing, catches up as a learner, and is given its vote by itself', async () => {
    await using cluster = new TestCluster(3, { snapshotIntervalEntries: 10 });
    await cluster.startAll();
    const leader = await cluster.leader();
    for (let i = 0; i < 50; i++) await leader.node.propose(text(`before ${i}`));
    const join = await leader.node.addNode('n4', 'n4:1');
    expect(join).toMatchObject({ clusterName: 'test', nodeId: 'n4', raftId: 4 });
    expect(JSON.parse(JSON.stringify(join))).toEqual(join);
    expect(roles(leader)).toContain('n4 learner');
    const joined = await cluster.start('n4', new MemoryStorage(), { join });
    await until('n4 votes', () => roles(leader).includes('n4 voter'));
    await joined.node.propose(text('from the new one'));
    expect(joined.machine.journal.length).toBe(51);
    expect(joined.node.status()).toMatchObject({ clusterId: join.clusterId, raftId: 4 });
    // It counts: with it three of four are a majority, and two of the old ones alone are none.
    expect(leader.node.status().quorum.needed).toBe(3);
  });

  it('S-106 a learner stays one until it is promoted, and follows the log meanwhile', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    const join = await leader.node.addLearner('n4', 'n4:1');
    const joined = await cluster.start('n4', new MemoryStorage(), { join });
    await leader.node.propose(text('x'));
    await until('n4 has it', () => joined.machine.journal.includes('x'));
    expect(roles(leader)).toContain('n4 learner');
    await leader.node.promoteLearner('n4');
    await until('all know', () => roles(joined).includes('n4 voter'));
    expect(joined.node.status().quorum.needed).toBe(3);
  });

  it('starts again with or without its invitation, before it got anything and after', async () => {
    await using cluster = new TestCluster(1);
    const { node } = await cluster.start('n1');
    await node.readIndex();
    const join = await node.addLearner('n2', 'n2:1');
    cluster.bus.cut(1, 2);
    const storage = new MemoryStorage();
    const first = await cluster.start('n2', storage, { join });
    await first.node.stop();
    await expect(cluster.start('n2', storage.crash())).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    cluster.bus.heal();
    const again = storage.crash();
    const second = await cluster.start('n2', again, {
      join: () => Promise.reject(new Error('a node that has its identity asks nobody')),
    });
    await node.propose(text('x'));
    await until('n2 has it', () => second.machine.journal.includes('x'));
    await second.node.stop();
    const third = await cluster.start('n2', again.crash(), { join });
    await node.propose(text('y'));
    await until('n2 has both', () => third.machine.journal.join() === 'x,y');
  });

  it('never stands for election and never votes before the log has named it', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    const join = await leader.node.addNode('n4', 'n4:1');
    for (const { node } of cluster.nodes.values()) cluster.bus.cut(node.status().raftId, 4);
    const { node } = await cluster.start('n4', new MemoryStorage(), { join });
    node.campaign();
    await leader.node.propose(text('x'));
    expect(node.status()).toMatchObject({ role: 'follower', term: 0, members: [] });
    const error = await node.propose(text('y'), { timeoutMs: 30 }).catch((it: unknown) => it);
    expect(error).toMatchObject({ code: expect.stringMatching(/NO_LEADER|NO_QUORUM/) });
    expect(String(error)).toMatch(/n4 is joining, and waits for the leader/);
  });

  it('is refused by its own folder when the invitation is for another life of it', async () => {
    await using cluster = new TestCluster(1);
    const { node } = await cluster.start('n1');
    await node.readIndex();
    const join = await node.addLearner('n2', 'n2:1');
    const storage = new MemoryStorage();
    const joined = await cluster.start('n2', storage, { join });
    await until('it has come', () => joined.node.appliedIndex > 1);
    await joined.node.stop();
    await node.removeNode('n2');
    const anew = await node.addLearner('n2', 'n2:1');
    expect(anew.raftId).toBe(join.raftId + 1);
    await expect(cluster.start('n2', storage.crash(), { join: anew })).rejects.toMatchObject({
      code: 'DATA_DIR_MISMATCH',
      details: { what: 'raft id', found: join.raftId, wanted: anew.raftId },
    });
  });
});

describe('an invitation', () => {
  it('that is void, because its member was removed, ends the node that comes with it', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    const join = await leader.node.addNode('n4', 'n4:1');
    await leader.node.removeNode('n4');
    await allKnow(cluster, leader);
    const storage = new MemoryStorage();
    const { node } = await cluster.start('n4', storage, { join });
    expect(await node.failed).toMatchObject({ code: 'MEMBER_REMOVED' });
    await node.stop();
    const again = cluster.start('n4', storage.crash(), { join });
    await expect(again).rejects.toMatchObject({ code: 'MEMBER_REMOVED' });
  });

  it('lets in one data folder: no member counts the vote of another, seen before or not', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    // This one is away while n4 comes and gets its vote, so it has seen no folder of n4.
    const [late] = cluster.followers(leader) as [TestNode];
    const name = late.node.nodeId;
    await late.node.stop();
    const join = await leader.node.addNode('n4', 'n4:1');
    const first = await cluster.start('n4', new MemoryStorage(), { join });
    await until('n4 votes', () => roles(leader).includes('n4 voter'));
    await first.node.stop();
    const back = await cluster.start(name, (late.storage as MemoryStorage).crash());
    await until('it knows of n4', () => roles(back).includes('n4 voter'));
    for (const [other, { node }] of cluster.nodes) if (other !== name) await node.stop();
    const members = join.members.filter(({ nodeId }) => nodeId === name);
    const second = await cluster.start('n4', new MemoryStorage(), { join: { ...join, members } });
    expect(await second.node.failed).toMatchObject({ code: 'MEMBER_WIPED' });
  });
});

describe('a member that is removed', () => {
  it('while it is away is told by its peers, once: its folder says so the next time', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    const [away] = cluster.followers(leader) as [TestNode];
    const name = away.node.nodeId;
    await away.node.stop();
    await leader.node.removeNode(name);
    await allKnow(cluster, leader);
    const back = await cluster.start(name, (away.storage as MemoryStorage).crash());
    expect(await back.node.failed).toMatchObject({ code: 'MEMBER_REMOVED' });
    for (const { node } of cluster.nodes.values()) await node.stop();
    const alone = cluster.start(name, (back.storage as MemoryStorage).crash());
    await expect(alone).rejects.toMatchObject({ code: 'MEMBER_REMOVED' });
  });

  it('S-107 is told, and stops campaigning; the others go on', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    const [removed, other] = cluster.followers(leader) as [TestNode, TestNode];
    const name = removed.node.nodeId;
    expect(await leader.node.removeNode(name)).toBe(true);
    expect(await removed.node.failed).toMatchObject({ code: 'MEMBER_REMOVED' });
    const { term } = leader.node.status();
    await leader.node.propose(text('x'));
    await until('the other has it', () => other.machine.journal.includes('x'));
    expect(leader.node.status()).toMatchObject({ role: 'leader', term });
    expect(leader.node.status().members.length).toBe(2);
    await removed.node.stop();
    const again = cluster.start(name, (removed.storage as MemoryStorage).crash());
    await expect(again).rejects.toMatchObject({ code: 'MEMBER_REMOVED' });
  });

  it('S-107 a leader that removes itself ends, and the others elect another at once', async () => {
    await using cluster = new TestCluster(3, { electionTicks: 500 });
    for (const name of ['n1', 'n2', 'n3']) await cluster.start(name);
    const first = cluster.nodes.get('n1') as TestNode;
    first.node.campaign();
    const leader = await cluster.leader();
    expect(await leader.node.removeNode(leader.node.nodeId)).toBe(true);
    expect(await leader.node.failed).toMatchObject({ code: 'MEMBER_REMOVED' });
    // An election timeout would be 5 s and more. Nobody is told that its address refuses: it is no peer.
    const began = performance.now();
    const next = await cluster.leader();
    expect(performance.now() - began).toBeLessThan(4_000);
    await next.node.propose(text('x'));
    expect(next.node.status().members.length).toBe(2);
  });

  it('does not leave one voter alone that may not have heard of it: it hands over first', async () => {
    await using cluster = new TestCluster(2);
    await cluster.startAll();
    const leader = await cluster.leader();
    const [heir] = cluster.followers(leader) as [TestNode];
    const [gone, stays] = [leader.node.nodeId, heir.node.nodeId];
    for (const { node } of [leader, heir]) {
      await expect(node.removeNode(gone)).rejects.toMatchObject({
        code: 'CONF_CHANGE_INVALID',
        details: { heir: stays },
      });
    }
    await leader.node.transferLeadership(stays);
    expect(await heir.node.removeNode(gone)).toBe(true);
    await leader.node.stop();
    await heir.node.propose(text('alone'));
  });

  it('is not removed where the voters that remain could decide nothing', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    const [dead, alive] = cluster.followers(leader) as [TestNode, TestNode];
    cluster.kill(dead.node.nodeId);
    await until('it is seen to be gone', () => leader.node.status().quorum.reached === 2);
    const refused = leader.node.removeNode(alive.node.nodeId);
    await expect(refused).rejects.toMatchObject({
      code: 'CONF_CHANGE_INVALID',
      details: { missing: dead.node.nodeId },
    });
    expect(await leader.node.removeNode(dead.node.nodeId)).toBe(true);
    await leader.node.propose(text('x'));
  });

  it('comes back as another member: a wiped voter is replaced by the explicit step', async () => {
    await using cluster = new TestCluster(3, { snapshotIntervalEntries: 20 });
    await cluster.startAll();
    const leader = await cluster.leader();
    for (let i = 0; i < 30; i++) await leader.node.propose(text(`before ${i}`));
    const [wiped] = cluster.followers(leader) as [TestNode];
    const name = wiped.node.nodeId;
    const { raftId } = wiped.node.status();
    await wiped.node.stop();
    expect(await leader.node.removeNode(name)).toBe(true);
    const join = await leader.node.addNode(name, `${name}:1`);
    expect(join.raftId).toBe(4);
    const machine = new JournalMachine();
    const back = await cluster.start(name, new MemoryStorage(), { join, machine });
    await until('it votes again', () => roles(leader).includes(`${name} voter`));
    expect(back.node.status().raftId).not.toBe(raftId);
    await until('it has all', () => machine.journal.length === 30);
  });
});

describe('changes of members', () => {
  it('asked for at the same time wait for each other', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const { node } = await cluster.leader();
    const names = ['n4', 'n5', 'n6', 'n7'];
    await Promise.all(names.map((name) => node.addLearner(name, `${name}:1`)));
    await Promise.all([...names.map((name) => node.removeNode(name)), node.removeNode('n4')]);
    expect(node.status().members.length).toBe(3);
  });

  it('give no vote to a learner that is away where the others could then decide nothing', async () => {
    await using cluster = new TestCluster(1);
    const { node } = await cluster.start('n1');
    await node.readIndex();
    await node.addLearner('n2', 'n2:1');
    await expect(node.promoteLearner('n2')).rejects.toMatchObject({
      code: 'CONF_CHANGE_INVALID',
      message: expect.stringMatching(
        /with the vote of node n2 2 of 2 voters .* n2 can not be reached/,
      ),
    });
    await node.propose(text('goes on'));
  });

  it('take the address of the log where it is newer than the configuration', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    const [{ node }] = cluster.followers(leader) as [TestNode];
    const name = node.nodeId;
    await leader.node.removeNode(name);
    await leader.node.addLearner(name, 'elsewhere:9');
    const address = leader.node.status().members.find(({ nodeId }) => nodeId === name)?.address;
    expect(address).toBe('elsewhere:9');
  });

  it('are a stream of newest values on every node', async () => {
    await using cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    const [follower] = cluster.followers(leader) as [TestNode];
    const changes = follower.node.memberChanges()[Symbol.asyncIterator]();
    expect((await changes.next()).value.members.length).toBe(3);
    await leader.node.addLearner('n9', 'n9:1');
    const { value } = await changes.next();
    expect(value.members.at(-1)).toEqual({
      raftId: 4,
      nodeId: 'n9',
      address: 'n9:1',
      role: 'learner',
    });
    expect(value.index).toBe(leader.node.appliedIndex);
  });
});
