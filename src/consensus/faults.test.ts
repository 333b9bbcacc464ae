/**
 * Random faults on whole nodes: clients count with request ids on any node while nodes are cut off,
 * stopped with their memory lost, and started again. Afterwards every acknowledged request is in every
 * journal exactly once, and all journals are the same. The seed of a failing run is in its name.
 */
import { expect, it } from 'vitest';
import { TestCluster, type TestNode, text, until } from '../../sim/rigs/test-cluster.ts';
import { MemoryDisk } from '../../sim/world/memory-disk.ts';
import { ClusterError } from '../errors.ts';
import { MemoryStorage, openDiskStorage, type Storage } from '../storage/index.ts';
import { nullLogger, realClock, realRandom } from '../world/index.ts';

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

/** Where a node keeps its log, and what a power cut leaves of it. */
interface Shelf {
  open(): Promise<Storage>;
  /** From here on the old process reaches nothing; the next `open` finds what was synced, and scraps. */
  cut(pick: (bound: number) => number): void;
}

function memoryShelf(): Shelf {
  let storage = new MemoryStorage();
  return {
    open: async () => storage,
    cut: () => {
      storage = storage.crash();
    },
  };
}

function diskShelf(): Shelf {
  let disk = new MemoryDisk();
  return {
    open: () =>
      openDiskStorage({
        disk,
        clock: realClock(),
        random: realRandom(),
        logger: nullLogger,
        directory: '/data',
      }),
    cut: (pick) => {
      disk = disk.crash({ below: pick });
    },
  };
}

async function crashAndRestart(
  cluster: TestCluster,
  name: string,
  shelf: Shelf,
  pick: (bound: number) => number,
): Promise<void> {
  const { node } = cluster.nodes.get(name) as TestNode;
  cluster.bus.leave(node.status().raftId);
  shelf.cut(pick);
  cluster.kill(name);
  await cluster.start(name, await shelf.open());
}

const SEEDS = [1, 2, 3, Date.now() % 1_000_000];

for (const [kind, seed] of SEEDS.flatMap((it) => [
  ['memory', it] as const,
  ['disk', it] as const,
])) {
  const title = `S-100 S-102 N-40 nothing acknowledged is lost or applied twice, ${kind}, seed ${seed}`;
  it(title, async () => {
    await using cluster = new TestCluster(3, {
      tickIntervalMs: 5,
      stopTimeoutMs: 20,
      snapshotIntervalEntries: 50,
      snapshotCatchUpEntries: 10,
    });
    const pick = generator(seed);
    const names = ['n1', 'n2', 'n3'];
    const shelves = new Map(
      names.map((name) => [name, kind === 'memory' ? memoryShelf() : diskShelf()]),
    );
    const shelfOf = (name: string) => shelves.get(name) as Shelf;
    await Promise.all(names.map(async (name) => cluster.start(name, await shelfOf(name).open())));
    const clients = Array.from({ length: 8 }, (): Client => ({ acknowledged: [], stopped: false }));
    const running = clients.map((client, i) =>
      runClient(cluster, names, `c${i}`, client, generator(seed + i)),
    );
    const total = () => clients.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
    for (let fault = 0; fault < 12; fault++) {
      const goal = total() + 20 + pick(60);
      await until(`${goal} requests are acknowledged`, () => total() >= goal);
      const victim = names[pick(names.length)] as string;
      if (pick(2) === 0) await crashAndRestart(cluster, victim, shelfOf(victim), pick);
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
