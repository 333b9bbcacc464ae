/**
 * Random faults on whole nodes: clients count with request ids on any node while nodes are cut off,
 * stopped with their memory lost, and started again. Afterwards every acknowledged request is in every
 * journal exactly once, and all journals are the same. The seed of a failing run is in its name.
 */
import { expect, it } from 'vitest';
import { TestCluster, type TestNode, text, until } from '../../sim/test-cluster.ts';
import { ClusterError } from '../errors.ts';
import type { MemoryStorage } from '../storage/index.ts';

/** A small generator of random numbers, so that the choices of a run can be repeated. */
function generator(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

interface Client {
  readonly acknowledged: string[];
  stopped: boolean;
}

async function openSession(cluster: TestCluster, names: readonly string[]): Promise<number> {
  for (let turn = 0; ; turn++) {
    const { node } = cluster.nodes.get(names[turn % names.length] as string) as TestNode;
    try {
      return await node.openSession({ timeoutMs: 300 });
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** Proposes one request after the other, each until it is acknowledged, on whichever node. */
async function runClient(
  cluster: TestCluster,
  names: readonly string[],
  name: string,
  client: Client,
  pick: (bound: number) => number,
): Promise<void> {
  const session = await openSession(cluster, names);
  for (let sequence = 1; !client.stopped; sequence++) {
    const command = `${name}.${sequence}`;
    const request = { session, sequence, acknowledgedBelow: sequence };
    for (;;) {
      const { node } = cluster.nodes.get(names[pick(names.length)] as string) as TestNode;
      try {
        await node.propose(text(command), { request, timeoutMs: 300 });
        break;
      } catch (error) {
        if (!(error instanceof ClusterError)) throw error;
        if (error.code === 'SEQUENCE_STALE' || error.code === 'SESSION_EXPIRED') throw error;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    client.acknowledged.push(command);
  }
}

async function crashAndRestart(cluster: TestCluster, name: string): Promise<void> {
  const { node, storage } = cluster.nodes.get(name) as TestNode;
  cluster.bus.leave(node.status().raftId);
  const left = (storage as MemoryStorage).crash();
  await node.stop();
  await cluster.start(name, left);
}

const SEEDS = [1, 2, 3, Date.now() % 1_000_000];

for (const seed of SEEDS) {
  it(`nothing acknowledged is lost or applied twice, seed ${seed}`, {
    timeout: 60_000,
  }, async () => {
    await using cluster = new TestCluster(3, {
      tickIntervalMs: 5,
      stopTimeoutMs: 20,
      snapshotIntervalEntries: 50,
      snapshotCatchUpEntries: 10,
    });
    const pick = generator(seed);
    await cluster.startAll();
    const names = [...cluster.nodes.keys()];
    const clients = Array.from({ length: 8 }, (): Client => ({ acknowledged: [], stopped: false }));
    const running = clients.map((client, i) =>
      runClient(cluster, names, `c${i}`, client, generator(seed + i)),
    );
    const total = () => clients.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
    for (let fault = 0; fault < 12; fault++) {
      const goal = total() + 20 + pick(60);
      await until(`${goal} requests are acknowledged`, () => total() >= goal);
      const victim = names[pick(names.length)] as string;
      if (pick(2) === 0) await crashAndRestart(cluster, victim);
      else {
        cluster.bus.isolate(cluster.nodes.get(victim)?.node.status().raftId ?? 0);
        const reached = total() + 20;
        await until(`${reached} requests during the cut`, () => total() >= reached);
        cluster.bus.heal();
      }
    }
    for (const client of clients) client.stopped = true;
    await Promise.all(running);
    const nodes = [...cluster.nodes.values()];
    await Promise.all(nodes.map(({ node }) => node.readIndex({ timeoutMs: 10_000 })));
    const acknowledged = clients.flatMap((client) => client.acknowledged).sort();
    for (const { machine } of nodes) expect([...machine.journal].sort()).toEqual(acknowledged);
    expect(new Set(nodes.map(({ machine }) => machine.journal.join())).size).toBe(1);
  });
}
