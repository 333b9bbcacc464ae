/**
 * Whole nodes over a bus and storages in memory: what the node promises to those who propose, read,
 * and change members, while nodes are cut off, stopped and fail.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster, text, until } from '../../sim/rigs/test-cluster.ts';
import { ClusterError } from '../errors.ts';
import { MemoryStorage } from '../storage/index.ts';

let cluster: TestCluster;

afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof ClusterError ? error.code : String(error);
  }
  return 'resolved';
}

describe('one node', () => {
  it('S-55 S-57 is no leader before start, then leads itself and applies a proposal once', async () => {
    cluster = new TestCluster(1);
    const { node, machine } = await cluster.start('n1');
    const result = await node.propose(text('hello'));
    expect(result.code).toBe(0);
    expect(Buffer.from(result.bytes).toString()).toBe('1');
    expect(machine.journal).toEqual(['hello']);
    expect(node.isLeader).toBe(true);
    expect(node.status()).toMatchObject({ nodeId: 'n1', raftId: 1, role: 'leader' });
  });

  it('S-97 returns a rejection of the state machine, and goes on', async () => {
    cluster = new TestCluster(1);
    const { node } = await cluster.start('n1');
    expect(await node.propose(text('!no'))).toMatchObject({ code: 7 });
    expect(await node.propose(text('yes'))).toMatchObject({ code: 0 });
  });

  it('stops taking part, and says why, when the state machine throws', async () => {
    cluster = new TestCluster(1);
    const { node } = await cluster.start('n1');
    expect(await codeOf(node.propose(text('bug')))).toBe('OUTCOME_UNKNOWN');
    expect(await node.failed).toMatchObject({ code: 'STATE_MACHINE_FAILED' });
    expect(node.status().failure?.message).toContain('a bug in the state machine');
    await expect(node.propose(text('more'))).rejects.toMatchObject({
      code: 'NODE_FAILED',
      retryable: 'no',
    });
  });

  it('S-104 applies a repeated request once, and answers it with the first result', async () => {
    cluster = new TestCluster(1);
    const { node, machine } = await cluster.start('n1');
    const session = await node.openSession();
    const request = { session, sequence: 1 };
    const answers = await Promise.all([
      node.propose(text('once'), { request }),
      node.propose(text('once'), { request }),
    ]);
    const later = await node.propose(text('once'), { request });
    expect(machine.journal).toEqual(['once']);
    for (const { bytes } of [...answers, later]) expect(Buffer.from(bytes).toString()).toBe('1');
    await node.propose(text('next'), { request: { session, sequence: 2, acknowledgedBelow: 2 } });
    expect(await codeOf(node.propose(text('once'), { request }))).toBe('SEQUENCE_STALE');
    await node.closeSession(session);
    expect(await codeOf(node.propose(text('once'), { request }))).toBe('SESSION_EXPIRED');
    expect(machine.journal).toEqual(['once', 'next']);
  });

  it('S-101 restores state, members, sessions and applied index from a snapshot', async () => {
    cluster = new TestCluster(1, { snapshotIntervalEntries: 5, snapshotCatchUpEntries: 2 });
    const storage = new MemoryStorage();
    const first = await cluster.start('n1', storage);
    const session = await first.node.openSession();
    for (let i = 1; i <= 20; i++) {
      await first.node.propose(text(`c${i}`), { request: { session, sequence: i } });
    }
    await first.node.snapshot();
    const before = first.node.status();
    expect(before.snapshotIndex).toBe(before.appliedIndex);
    await first.node.stop();

    const again = await cluster.start('n1', storage.crash());
    await until('it leads again', () => again.node.isLeader);
    await again.node.readIndex();
    expect(again.machine.journal).toEqual(first.machine.journal);
    expect(again.node.status().stateHash).toBe(before.stateHash);
    const repeated = { request: { session, sequence: 20 } };
    await again.node.propose(text('c20'), repeated);
    expect(again.machine.journal.length).toBe(20);
  });

  it('refuses a command over the limit, naming both sizes', async () => {
    cluster = new TestCluster(1, { commandBytesMax: 10 });
    const { node } = await cluster.start('n1');
    await expect(node.propose(text('01234567890'))).rejects.toThrow(/11 bytes, at most 10/);
  });

  it('refuses a data folder of another cluster or another node', async () => {
    cluster = new TestCluster(1);
    const storage = new MemoryStorage();
    await storage.found({
      clusterName: 'other',
      clusterId: '0'.repeat(32),
      nodeId: 'n1',
      raftId: 1,
      incarnation: '0'.repeat(16),
    });
    await expect(cluster.start('n1', storage)).rejects.toThrow(/belongs to cluster "other"/);
  });
});

describe('three nodes', () => {
  it('S-71 elect one leader; proposals on any of them are applied on all', async () => {
    cluster = new TestCluster(3);
    const nodes = await cluster.startAll();
    const leader = await cluster.leader();
    await Promise.all(nodes.map(({ node }, i) => node.propose(text(`from ${i}`))));
    await Promise.all(nodes.map(({ node }) => node.readIndex()));
    for (const { machine } of nodes) {
      expect([...machine.journal].sort()).toEqual(['from 0', 'from 1', 'from 2']);
      expect(machine.journal).toEqual(leader.machine.journal);
    }
    const hashes = new Set(nodes.map(({ node }) => node.status().stateHash));
    expect(hashes.size).toBe(1);
  });

  it('sends to the followers beside its own sync: they commit while its disk is still busy', async () => {
    cluster = new TestCluster(3, { electionTicks: 1_000 });
    const nodes = await cluster.startAll();
    nodes[0]?.node.campaign();
    const leader = await cluster.leader();
    await leader.node.propose(text('first'));
    const storage = leader.storage as MemoryStorage;
    storage.hold();
    const proposal = leader.node.propose(text('second'));
    await until('the followers have applied it', () =>
      cluster.followers(leader).every(({ machine }) => machine.journal.includes('second')),
    );
    expect(leader.machine.journal).toEqual(['first']);
    storage.release();
    expect(await proposal).toMatchObject({ code: 0 });
  });

  it('acknowledges nothing while a majority of disks has not synced', async () => {
    cluster = new TestCluster(3);
    const nodes = await cluster.startAll();
    const leader = await cluster.leader();
    const slow = nodes.filter((it) => it !== leader).map((it) => it.storage as MemoryStorage);
    for (const storage of slow) storage.hold();
    let acknowledged = false;
    const proposal = leader.node.propose(text('x')).then(() => {
      acknowledged = true;
    });
    await until('both have it, not synced', () => slow.every((storage) => storage.waiting > 0));
    expect(acknowledged).toBe(false);
    slow[0]?.release();
    await proposal;
    slow[1]?.release();
  });

  it('resolves on a follower only after the follower has applied it', async () => {
    cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    const [follower] = cluster.followers(leader);
    const result = await follower?.node.propose(text('mine'));
    expect(follower?.machine.journal).toEqual(['mine']);
    expect(follower?.node.appliedIndex).toBeGreaterThanOrEqual(result?.index ?? Infinity);
  });

  it('S-72 replace a stopped leader and go on', async () => {
    cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    await leader.node.propose(text('before'));
    await leader.node.stop();
    const next = await cluster.leader();
    expect(next).not.toBe(leader);
    await next.node.propose(text('after'));
    expect(next.machine.journal).toEqual(['before', 'after']);
  });

  it('hand leadership over at a graceful stop, without an election timeout', async () => {
    cluster = new TestCluster(3, { electionTicks: 1_000 });
    const nodes = await cluster.startAll();
    nodes[0]?.node.campaign();
    const leader = await cluster.leader();
    await leader.node.stop();
    const next = await cluster.leader();
    expect(next).not.toBe(leader);
  });

  it('S-62 answer within the deadline, naming who is missing, when there is no majority', async () => {
    cluster = new TestCluster(3);
    const { node } = await cluster.start('n1');
    await expect(node.propose(text('x'), { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'NO_QUORUM',
      retryable: 'yes',
      details: { missing: [{ nodeId: 'n2' }, { nodeId: 'n3' }], quorum: { needed: 2, reached: 1 } },
    });
    await expect(node.readIndex({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'NO_QUORUM' });
  });

  it('say that the outcome is unknown when a majority is lost on the way', async () => {
    cluster = new TestCluster(3, { checkQuorum: false });
    await cluster.startAll();
    const leader = await cluster.leader();
    cluster.bus.isolate(leader.node.status().raftId);
    await expect(leader.node.propose(text('x'), { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      retryable: 'unknown-outcome',
    });
  });

  it('propose again by themselves what another leader overwrote', async () => {
    cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    cluster.bus.isolate(leader.node.status().raftId);
    const lost = leader.node.propose(text('lost and found'), { timeoutMs: 8_000 });
    await until('another leads', () => cluster.followers(leader).some(({ node }) => node.isLeader));
    const next = cluster.followers(leader).find(({ node }) => node.isLeader);
    await next?.node.propose(text('meanwhile'));
    cluster.bus.heal();
    expect(await lost).toMatchObject({ code: 0 });
    expect(leader.machine.journal).toEqual(['meanwhile', 'lost and found']);
  });

  it('N-23 a deposed leader answers no linearizable read', async () => {
    cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    cluster.bus.isolate(leader.node.status().raftId);
    expect(await codeOf(leader.node.readIndex({ timeoutMs: 60 }))).toBe('NO_QUORUM');
    cluster.bus.heal();
    await leader.node.readIndex();
  });

  it('S-103 a follower that lags behind the log gets a snapshot, then the log', async () => {
    cluster = new TestCluster(3, { snapshotIntervalEntries: 10, snapshotCatchUpEntries: 3 });
    await cluster.startAll();
    const leader = await cluster.leader();
    const [slow] = cluster.followers(leader);
    cluster.bus.isolate(slow?.node.status().raftId ?? 0);
    for (let i = 0; i < 50; i++) await leader.node.propose(text(`c${i}`));
    await until('the log is compacted', () => leader.node.status().firstIndex > 30);
    cluster.bus.heal();
    await until('it caught up', () => slow?.machine.journal.length === 50);
    await leader.node.propose(text('last'));
    await slow?.node.readIndex();
    expect(slow?.machine.journal).toEqual(leader.machine.journal);
    expect(slow?.node.status().stateHash).toBe(leader.node.status().stateHash);
  });

  it('S-105 stay live over many snapshots', async () => {
    cluster = new TestCluster(3, { snapshotIntervalEntries: 20, snapshotCatchUpEntries: 5 });
    await cluster.startAll();
    const leader = await cluster.leader();
    for (let round = 0; round < 200; round++) {
      await Promise.all([1, 2, 3, 4].map((k) => leader.node.propose(text(`${round}.${k}`))));
    }
    expect(leader.machine.journal.length).toBe(800);
    expect(leader.node.status().firstIndex).toBeGreaterThan(100);
  });

  it('N-39 a failed sync ends the leader; nothing of that batch was acknowledged by it', async () => {
    cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    (leader.storage as MemoryStorage).failNext(new Error('EIO'));
    await codeOf(leader.node.propose(text('perhaps'), { timeoutMs: 500 }));
    expect(await leader.node.failed).toMatchObject({ code: 'DISK_FAILED' });
    expect(leader.node.status().phase).toBe('failed');
    const next = await cluster.leader();
    await next.node.propose(text('goes on'));
    expect(next.machine.journal).toContain('goes on');
  });

  it('S-106 take in a learner, and give it its vote', async () => {
    cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    const invitation = await leader.node.addLearner('n9', 'n9:1');
    expect(invitation).toMatchObject({ raftId: 4, nodeId: 'n9' });
    expect(leader.node.status().members.at(-1)).toMatchObject({ nodeId: 'n9', role: 'learner' });
    expect(await leader.node.addLearner('n9', 'n9:1')).toEqual(invitation);
    await leader.node.promoteLearner('n9');
    const roles = leader.node.status().members.map(({ nodeId, role }) => `${nodeId} ${role}`);
    expect(roles).toEqual(['n1 voter', 'n2 voter', 'n3 voter', 'n9 voter']);
    expect(await codeOf(leader.node.addLearner('n9', 'n9:2'))).toBe('MEMBER_EXISTS');
    expect(await codeOf(leader.node.addLearner('n8', 'n9:1'))).toBe('MEMBER_EXISTS');
    await leader.node.removeNode('n9');
    expect(leader.node.status().members.length).toBe(3);
    expect(await leader.node.removeNode('n9')).toBe(false);
  });

  it('tell leadership as a stream of newest values', async () => {
    cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    const changes = leader.node.leaderChanges()[Symbol.asyncIterator]();
    expect((await changes.next()).value).toMatchObject({ isLeader: true });
    await leader.node.stop();
    const seen: boolean[] = [];
    for (let it = await changes.next(); !it.done; it = await changes.next()) {
      seen.push(it.value.isLeader);
    }
    expect(seen.at(-1)).toBe(false);
  });

  it('a caller that gives up gets its answer at once', async () => {
    cluster = new TestCluster(3);
    const { node } = await cluster.start('n1');
    const controller = new AbortController();
    const waiting = node.propose(text('x'), { signal: controller.signal });
    controller.abort();
    expect(await codeOf(waiting)).toBe('ABORTED');
  });
});
