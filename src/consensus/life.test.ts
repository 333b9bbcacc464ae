/**
 * Beginnings and ends of a node: starts that fail or are overtaken by `stop`, disks that hang or are
 * full, callers that gave up before they called. Nobody may wait for ever, nothing may be left open.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { JournalMachine, TestCluster, text, until } from '../../sim/rigs/test-cluster.ts';
import { ClusterError } from '../errors.ts';
import { MemoryStorage, type StoredSnapshot } from '../storage/index.ts';
import { RaftNode } from './raft-node.ts';

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

function newNode(storage: MemoryStorage = new MemoryStorage()) {
  const transport = cluster.bus.transport();
  const machine = new JournalMachine();
  const { world } = cluster;
  const node = new RaftNode(cluster.configOf('n1'), { world, storage, transport, machine });
  return { node, transport, machine, storage };
}

describe('start and stop', () => {
  it('a call while it starts, and a second start, are refused for what they are', async () => {
    cluster = new TestCluster(1);
    const { node } = newNode();
    const starting = node.start();
    const early = node.propose(text('x'));
    await expect(early).rejects.toThrow(/n1 is starting: wait for start\(\) to resolve/);
    const second = { code: 'REQUEST_INVALID', retryable: 'no' };
    await expect(node.start()).rejects.toMatchObject(second);
    await starting;
    await expect(node.start()).rejects.toMatchObject(second);
    await node.stop();
    await expect(node.start()).rejects.toMatchObject({ code: 'NODE_STOPPED' });
  });

  it('a stop while the node starts ends the start; nothing runs afterwards', async () => {
    cluster = new TestCluster(1);
    const { node, transport } = newNode();
    const start = transport.start.bind(transport);
    let inTransport = (): void => undefined;
    const reached = new Promise<void>((resolve) => {
      inTransport = resolve;
    });
    transport.start = async (local, events) => {
      inTransport();
      await new Promise((resolve) => setImmediate(resolve));
      await start(local, events);
    };
    const starting = codeOf(node.start());
    await reached;
    await node.stop();
    expect(await starting).toBe('NODE_STOPPED');
    expect(node.phase).toBe('stopped');
    expect(cluster.bus.endpoint(1)).toBeUndefined();
    expect(await codeOf(node.propose(text('x')))).toBe('NODE_STOPPED');
  });

  it('a start that fails in the transport leaves nobody waiting', async () => {
    cluster = new TestCluster(1);
    const { node, transport } = newNode();
    let during: Promise<string> | undefined;
    transport.start = async () => {
      during = codeOf(node.propose(text('x')));
      await new Promise((resolve) => setImmediate(resolve));
      throw new ClusterError('ADDRESS_IN_USE', 'somebody listens there');
    };
    expect(await codeOf(node.start())).toBe('ADDRESS_IN_USE');
    expect(await during).toBe('NOT_STARTED');
    expect(node.phase).toBe('stopped');
    for await (const change of node.leaderChanges()) expect(change.isLeader).toBe(false);
    await node.stop();
  });

  it('a disk that fails while the node starts ends the start', async () => {
    cluster = new TestCluster(1);
    const { node, storage } = newNode();
    const readFact = storage.readFact.bind(storage);
    let fail: (error: Error) => void = () => undefined;
    storage.onFailure = (callback) => {
      fail = callback;
    };
    storage.readFact = async (name) => {
      fail(new ClusterError('DISK_FAILED', 'EIO'));
      return await readFact(name);
    };
    expect(await codeOf(node.start())).toBe('DISK_FAILED');
    expect(node.phase).toBe('failed');
    expect(await node.failed).toMatchObject({ code: 'DISK_FAILED' });
    await node.stop();
  });

  it('a stop ends a start that hangs; should that go on later, what it opens is closed', async () => {
    cluster = new TestCluster(1, { stopTimeoutMs: 20 });
    const { node, transport, storage } = newNode();
    const start = transport.start.bind(transport);
    let goOn = (): void => undefined;
    const isHanging = new Promise<void>((reached) => {
      transport.start = async (local, events) => {
        reached();
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        await start(local, events);
      };
    });
    const starting = codeOf(node.start());
    await isHanging;
    await node.stop();
    expect(await starting).toBe('NODE_STOPPED');
    expect(node.phase).toBe('stopped');
    expect(await codeOf(storage.readFact('x'))).toBe('STORAGE_CLOSED');
    const stop = transport.stop.bind(transport);
    const isClosed = new Promise<void>((closed) => {
      transport.stop = async () => {
        await stop();
        closed();
      };
    });
    goOn();
    await isClosed;
    expect(cluster.bus.endpoint(1)).toBeUndefined();
    expect(node.phase).toBe('stopped');
  });

  it('a stop ends a start whose invitation never comes', async () => {
    cluster = new TestCluster(1, { stopTimeoutMs: 20 });
    const transport = cluster.bus.transport();
    const config = { ...cluster.configOf('n2'), join: () => new Promise<never>(() => undefined) };
    const parts = { world: cluster.world, storage: new MemoryStorage(), transport };
    const node = new RaftNode(config, { ...parts, machine: new JournalMachine() });
    const starting = codeOf(node.start());
    await node.stop();
    expect(await starting).toBe('NODE_STOPPED');
  });

  it('a fault ends a start that hangs, by its own name', async () => {
    cluster = new TestCluster(1, { stopTimeoutMs: 20 });
    const { node, machine, storage } = newNode();
    let fail: (error: Error) => void = () => undefined;
    storage.onFailure = (callback) => {
      fail = callback;
    };
    machine.restore = () => {
      fail(new ClusterError('DISK_FAILED', 'EIO'));
      return new Promise(() => undefined);
    };
    expect(await codeOf(node.start())).toBe('DISK_FAILED');
    await node.stop();
    expect(await codeOf(storage.readFact('x'))).toBe('STORAGE_CLOSED');
  });

  it('two stops are one; a stop before the start is final', async () => {
    cluster = new TestCluster(1);
    const { node } = newNode();
    const [a, b] = [node.stop(), node.stop()];
    expect(a).toBe(b);
    await a;
    expect(await codeOf(node.start())).toBe('NODE_STOPPED');
  });

  it('a transport whose stop hangs, or fails, does not keep the node from stopping', async () => {
    cluster = new TestCluster(1, { stopTimeoutMs: 50 });
    const stops = [() => new Promise<void>(() => undefined), () => Promise.reject(new Error('no'))];
    for (const stop of stops) {
      const { node, transport, storage } = newNode();
      const stopped = transport.stop.bind(transport);
      let isClosed = false;
      const close = storage.close.bind(storage);
      storage.close = async () => {
        isClosed = true;
        await close();
      };
      await node.start();
      transport.stop = stop;
      await node.stop().catch(({ message }: Error) => expect(message).toBe('no'));
      expect(isClosed).toBe(true);
      await stopped();
    }
  });

  it('a disk that hangs does not keep the node from stopping', async () => {
    cluster = new TestCluster(1, { stopTimeoutMs: 20 });
    const { node, storage } = newNode();
    await node.start();
    storage.close = () => new Promise(() => undefined);
    await node.stop();
    expect(node.phase).toBe('stopped');
  });
});

describe('callers', () => {
  it('who gave up before the call is told at once, whatever was asked', async () => {
    cluster = new TestCluster(3);
    await cluster.startAll();
    const { node: leading } = await cluster.leader();
    const options = { signal: AbortSignal.abort(), timeoutMs: 60_000 };
    const to = cluster.followers(await cluster.leader())[0]?.node.nodeId ?? '';
    await leading.addLearner('n8', 'n8:1');
    for (const { node } of cluster.nodes.values()) {
      for (const asked of [
        node.propose(text('x'), options),
        node.openSession(options),
        node.closeSession(1, options),
        node.readIndex(options),
        node.readBarrier({ consistency: 'local', ...options }),
        node.addLearner('n9', 'n9:1', options),
        node.removeNode(to, options),
        node.transferLeadership(to, options),
        // These would have nothing to do.
        node.addLearner('n8', 'n8:1', options),
        node.promoteLearner('n1', options),
        node.removeNode('nobody', options),
        node.transferLeadership(leading.nodeId, options),
      ]) {
        expect(await codeOf(asked)).toBe('ABORTED');
      }
    }
    expect(leading.isLeader).toBe(true);
    expect(leading.status().members.length).toBe(4);
  });

  it('who waits for another one to lead is told when the node is stopped meanwhile', async () => {
    cluster = new TestCluster(3, { electionTicks: 10_000, stopTimeoutMs: 20 });
    const slow = new MemoryStorage();
    await Promise.all([cluster.start('n1'), cluster.start('n2', slow), cluster.start('n3')]);
    cluster.nodes.get('n1')?.node.campaign();
    const { node } = await cluster.leader();
    // The heir is there, and never gets its own vote onto its disk.
    slow.append = () => new Promise(() => undefined);
    const transferred = codeOf(node.transferLeadership('n2', { timeoutMs: 60_000 }));
    await node.stop();
    expect(await transferred).toBe('NODE_STOPPED');
  });

  it('a deadline of nothing, and one in the far future', async () => {
    cluster = new TestCluster(3);
    const { node } = await cluster.start('n1');
    expect(await codeOf(node.propose(text('x'), { timeoutMs: 0 }))).toBe('NO_QUORUM');
    expect(await codeOf(node.readIndex({ timeoutMs: 0 }))).toBe('NO_QUORUM');
    const waiting = node.propose(text('patient'), { timeoutMs: Number.MAX_VALUE });
    await cluster.start('n2');
    await cluster.start('n3');
    expect(await waiting).toMatchObject({ code: 0 });
    expect(await codeOf(node.propose(text('x'), { timeoutMs: -1 }))).toBe('REQUEST_INVALID');
  });

  it('a follower that may not forward says who leads', async () => {
    cluster = new TestCluster(3, { disableProposalForwarding: true });
    await cluster.startAll();
    const leader = await cluster.leader();
    const [follower] = cluster.followers(leader);
    await expect(follower?.node.propose(text('x'))).rejects.toMatchObject({
      code: 'NOT_LEADER',
      details: { leader: leader.node.nodeId },
    });
    await leader.node.propose(text('y'));
  });
});

describe('disks', () => {
  it('a leader whose disk hangs hands leadership over', async () => {
    cluster = new TestCluster(3);
    await cluster.startAll();
    const leader = await cluster.leader();
    (leader.storage as MemoryStorage).hold();
    const stuck = codeOf(leader.node.propose(text('stuck'), { timeoutMs: 8_000 }));
    await until('another leads', () => cluster.followers(leader).some(({ node }) => node.isLeader));
    const next = cluster.followers(leader).find(({ node }) => node.isLeader);
    await next?.node.propose(text('goes on'));
    expect(leader.node.isLeader).toBe(false);
    (leader.storage as MemoryStorage).release();
    expect(await stuck).toBe('resolved');
    await leader.node.readIndex();
    expect(leader.machine.journal).toEqual(['stuck', 'goes on']);
  });

  it('a snapshot that can not be written is not tried at each entry, but again later', async () => {
    cluster = new TestCluster(1, { tickIntervalMs: 2, snapshotIntervalEntries: 5 });
    const storage = new MemoryStorage();
    const { node } = await cluster.start('n1', storage);
    const save = storage.saveSnapshot.bind(storage);
    let attempts = 0;
    storage.saveSnapshot = async (): Promise<StoredSnapshot> => {
      attempts++;
      throw new ClusterError('DISK_FULL', 'no space left');
    };
    for (let i = 0; i < 20; i++) await node.propose(text(`c${i}`));
    expect(attempts).toBeLessThanOrEqual(2);
    expect(node.phase).toBe('running');
    storage.saveSnapshot = save;
    await until('it is written', () => node.status().snapshotIndex >= 20);
  });
});
