/**
 * Who is in the cluster (S-59 to S-61, S-106, S-107): a change counts on every node once it is applied,
 * a node joins without founding anything, and one that was removed is told so and is quiet.
 */
import { describe, expect, it } from 'vitest';
import { until } from '../../sim/rigs/test-cluster.ts';
import { MessageType } from '../raft/index.ts';
import { MemoryStorage } from '../storage/index.ts';
import { codeOf, leaderOf, type Made, Stage } from './scenarios.fixture.ts';

function rolesOf({ node }: Made): string[] {
  return node.status().members.map(({ nodeId, role }) => `${nodeId} ${role}`);
}

function known({ transport }: Made): string[] {
  return transport.status().map(({ nodeId, address }) => `${nodeId} ${address}`);
}

/** How often the node asks for votes from now on. */
function countCampaigns({ transport }: Made): () => number {
  let count = 0;
  const send = transport.send.bind(transport);
  transport.send = (message) => {
    if (message.type === MessageType.PreVote || message.type === MessageType.Vote) count++;
    send(message);
  };
  return () => count;
}

describe('a change of members', () => {
  it('S-59 S-60 the leader takes a new member; each transport knows it once it is applied', async () => {
    await using stage = new Stage(3);
    const nodes = await stage.startAll();
    const leader = await leaderOf(nodes);
    const invitation = await leader.node.addNode('n9', 'n9:1');
    expect(invitation).toMatchObject({ nodeId: 'n9', raftId: 4, clusterName: 'test' });
    expect(rolesOf(leader)).toContain('n9 learner');
    expect(known(leader)).toContain('n9 n9:1');
    await until('the followers have applied it', () =>
      nodes.every((made) => known(made).includes('n9 n9:1')),
    );
  });

  it('S-61 removing somebody whom nobody knows is taken, and changes nothing', async () => {
    await using stage = new Stage(3);
    const nodes = await stage.startAll();
    const leader = await leaderOf(nodes);
    const before = leader.node.status();
    expect(await leader.node.removeNode('nobody')).toBe(false);
    expect(leader.node.status().members).toEqual(before.members);
    expect(leader.node.status().lastIndex).toBe(before.lastIndex);
    await leader.node.propose(Buffer.from('goes on'));
  });
});

describe('joining', () => {
  it('S-106 a node joins by its invitation, founds nothing, and gets its vote by itself', async () => {
    await using stage = new Stage(3, { snapshotIntervalEntries: 20, snapshotCatchUpEntries: 5 });
    const nodes = await stage.startAll();
    const leader = await leaderOf(nodes);
    for (let i = 0; i < 60; i++) await leader.node.propose(Buffer.from(`c${i}`));
    const join = await leader.node.addNode('n4', 'n4:1');
    // What an operator carries from one machine to the other.
    const carried = JSON.parse(JSON.stringify(join)) as typeof join;
    const storage = new MemoryStorage();
    const joined = await stage.start('n4', { storage, join: carried });
    const { clusterId } = leader.node.status();
    expect(joined.node.status()).toMatchObject({ nodeId: 'n4', raftId: 4, clusterId });
    await until('it votes', () => rolesOf(leader).includes('n4 voter'));
    await joined.node.propose(Buffer.from('mine'));
    expect(joined.machine.journal).toEqual(leader.machine.journal);
    expect(joined.node.status().stateHash).toBe(leader.node.status().stateHash);

    // From now on it is a member like any other: its folder says who it is.
    await joined.node.stop();
    const again = await stage.start('n4', { storage: (storage as MemoryStorage).crash(), join });
    await again.node.readIndex();
    expect(again.machine.journal.at(-1)).toBe('mine');
  });

  it('S-106 a learner follows without a vote until it is promoted', async () => {
    await using stage = new Stage(1);
    const one = await stage.start('n1');
    await one.node.readIndex();
    const join = await one.node.addLearner('n2', 'n2:1');
    // Without it a majority is there: a learner that never came takes nothing away.
    await one.node.propose(Buffer.from('without it'));
    const learner = await stage.start('n2', { join });
    await until('it has caught up', () => learner.machine.journal.length === 1);
    expect(rolesOf(one)).toEqual(['n1 voter', 'n2 learner']);
    expect(rolesOf(learner)).toEqual(['n1 voter', 'n2 learner']);
    await one.node.promoteLearner('n2');
    expect(rolesOf(one)).toEqual(['n1 voter', 'n2 voter']);
    await one.node.transferLeadership('n2');
    await learner.node.propose(Buffer.from('as leader'));
    expect(learner.machine.journal).toEqual(['without it', 'as leader']);
  });

  it('S-106 an invitation to another cluster, or for another node, is refused', async () => {
    await using stage = new Stage(1);
    const one = await stage.start('n1');
    await one.node.readIndex();
    const join = await one.node.addNode('n2', 'n2:1');
    const make = (changes: object): unknown => stage.make('n2', { join: { ...join, ...changes } });
    expect(() => make({ clusterName: 'other' })).toThrow(/join.clusterName is "other"/);
    expect(() => make({ nodeId: 'n3' })).toThrow(/join.nodeId is "n3"/);
    expect(() => make({ members: [] })).toThrow(/join.members/);
  });
});

describe('a removed node', () => {
  it('S-107 N-5 is told, ends by name, and asks for no more votes', async () => {
    await using stage = new Stage(3, { tickIntervalMs: 5 });
    const nodes = await stage.startAll();
    const leader = await leaderOf(nodes);
    const [gone, stays] = nodes.filter((it) => it !== leader) as [Made, Made];
    expect(await leader.node.removeNode(gone.node.nodeId)).toBe(true);
    expect(await gone.node.failed).toMatchObject({ code: 'MEMBER_REMOVED' });
    expect(gone.node.status()).toMatchObject({
      phase: 'failed',
      failure: { code: 'MEMBER_REMOVED' },
    });
    expect(await codeOf(gone.node.propose(Buffer.from('x')))).toBe('NODE_FAILED');
    const { term } = leader.node.status();
    const campaigns = countCampaigns(gone);
    for (let i = 0; i < 50; i++) await stays.node.propose(Buffer.from(`c${i}`));
    await stays.node.readIndex();
    expect(campaigns()).toBe(0);
    expect(leader.node.isLeader).toBe(true);
    expect(leader.node.status().term).toBe(term);
    expect(await leader.node.removeNode(gone.node.nodeId)).toBe(false);
  });

  it('S-107 N-6 a leader that removes itself ends, and the others elect without it', async () => {
    await using stage = new Stage(3, { tickIntervalMs: 5 });
    const nodes = await stage.startAll();
    const leader = await leaderOf(nodes);
    await leader.node.propose(Buffer.from('before'));
    expect(await leader.node.removeNode(leader.node.nodeId)).toBe(true);
    expect(await leader.node.failed).toMatchObject({ code: 'MEMBER_REMOVED' });
    expect(leader.node.isLeader).toBe(false);
    const rest = nodes.filter((it) => it !== leader);
    const next = await leaderOf(rest);
    await next.node.propose(Buffer.from('after'));
    expect(next.machine.journal).toEqual(['before', 'after']);
    expect(rolesOf(next).length).toBe(2);
  });

  it('S-107 does not come to life again on its old folder', async () => {
    await using stage = new Stage(3, { tickIntervalMs: 5 });
    const nodes = await stage.startAll();
    const leader = await leaderOf(nodes);
    const [gone] = nodes.filter((it) => it !== leader) as [Made];
    await leader.node.removeNode(gone.node.nodeId);
    await gone.node.failed;
    await gone.node.stop();
    const storage = (gone.storage as MemoryStorage).crash();
    const again = stage.make(gone.node.nodeId, { storage });
    const campaigns = countCampaigns(again);
    const ended = again.node.start().then(
      () => again.node.failed,
      (error: unknown) => error,
    );
    expect(await ended).toMatchObject({ code: 'MEMBER_REMOVED' });
    expect(campaigns()).toBe(0);
    expect(leader.node.isLeader).toBe(true);
  });
});
