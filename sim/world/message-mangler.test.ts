/**
 * The mangler by itself; and three whole nodes whose messages it mangles heavily: they go on all the
 * same, and are of one mind when it ends.
 */
import { describe, expect, it } from 'vitest';
import { defaultConfig, RaftNode } from '../../src/consensus/index.ts';
import { type Message, MessageType, makeMessage } from '../../src/raft/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { TcpTransport, type Transport, type TransportEvents } from '../../src/transport/index.ts';
import { nullLogger } from '../../src/world/index.ts';
import { JournalMachine, text } from '../rigs/test-cluster.ts';
import type { EventLoop } from './event-loop.ts';
import { Kernel } from './kernel.ts';
import { MemoryDisk } from './memory-disk.ts';
import { MemoryNetwork } from './memory-network.ts';
import { calmMangling, type ManglerConditions, mangle } from './message-mangler.ts';
import { SeededRandom } from './seeded-random.ts';

/** A transport that delivers what the test says, through a mangler. */
async function mangled(changes: Partial<ManglerConditions>, seed = 1) {
  const kernel = new Kernel();
  const loop = kernel.loop('n1');
  const heard: number[] = [];
  const others: string[] = [];
  const counts: Record<string, number> = {};
  let inner: TransportEvents | undefined;
  const stub = {
    boundAddress: 'n1:1',
    start: async (_local: unknown, events: TransportEvents) => {
      inner = events;
    },
    stop: async () => {},
    removePeer: () => {},
  } as unknown as Transport;
  const conditions = { ...calmMangling(), ...changes };
  const transport = mangle(stub, {
    random: new SeededRandom(seed),
    loop,
    conditions,
    count: (what) => {
      counts[what] = (counts[what] ?? 0) + 1;
    },
  });
  await transport.start({} as never, {
    messages: (_from, messages) => heard.push(...messages.map(({ commit }) => commit)),
    frame: (_from, kind) => others.push(`frame ${kind}`),
    connected: (peer) => others.push(`connected ${peer}`),
    unreachable: (peer, reason) => others.push(`unreachable ${peer} ${reason}`),
    bulk: async () => await Promise.reject(new Error('none')),
    admit: async () => {},
  });
  const say = (...numbers: readonly number[]): void => inner!.messages(2, numbers.map(heartbeat));
  const pass = async (ms: number): Promise<void> => {
    await kernel.run(kernel.nowMs + ms);
  };
  return { loop, transport, conditions, heard, others, counts, inner: inner!, say, pass };
}

function heartbeat(commit: number): Message {
  return makeMessage({ type: MessageType.Heartbeat, from: 2, to: 1, term: 1, commit });
}

const NUMBERS: readonly number[] = Array.from({ length: 1_000 }, (_, at) => at);

describe('the mangler', () => {
  it('touches nothing in calm conditions, and reads them at each message', async () => {
    const m = await mangled({});
    m.say(...NUMBERS);
    expect(m.heard).toEqual(NUMBERS);
    m.conditions.dropPercent = 100;
    m.say(1, 2, 3);
    expect([m.heard.length, m.counts]).toEqual([1_000, { dropped: 3 }]);
  });

  it('drops, doubles and delays so many in a hundred, by the seed', async () => {
    const bad = { dropPercent: 10, duplicatePercent: 10, delayPercent: 20, delayMaxMs: 500 };
    const m = await mangled(bad);
    m.say(...NUMBERS);
    const atOnce = [...m.heard];
    await m.pass(10_000);
    const { dropped = 0, duplicated = 0, delayed = 0 } = m.counts;
    for (const share of [dropped / 10, duplicated / 9, delayed / 18]) {
      expect(share).toBeGreaterThan(7);
      expect(share).toBeLessThan(13);
    }
    expect(m.heard.length).toBe(1_000 - dropped + duplicated);
    expect(new Set(m.heard).size).toBe(1_000 - dropped);
    // What comes at once is in order; the others have been overtaken.
    expect(atOnce).toEqual([...atOnce].sort((x, y) => x - y));
    expect(m.heard.slice(atOnce.length)).not.toEqual(
      m.heard.slice(atOnce.length).sort((x, y) => x - y),
    );
    const again = await mangled(bad);
    again.say(...NUMBERS);
    await again.pass(10_000);
    expect(again.heard).toEqual(m.heard);
  });

  it('doubles also seconds later', async () => {
    const m = await mangled({ duplicatePercent: 100 });
    m.say(...NUMBERS);
    await m.pass(3_000);
    const early = m.heard.length;
    await m.pass(10_000);
    expect([early < 2_000, m.heard.length]).toEqual([true, 2_000]);
  });

  it('lets frames, bulk and the news of peers pass, in order', async () => {
    const m = await mangled({ dropPercent: 100 });
    m.inner.connected(2);
    m.inner.frame(2, 9, new Uint8Array());
    m.say(1);
    m.inner.unreachable(2, 'closed', new Error('gone'));
    expect(m.others).toEqual(['connected 2', 'frame 9', 'unreachable 2 closed']);
    await expect(m.inner.bulk(2, heartbeat(1))).rejects.toThrow('none');
  });

  it('what is held back dies with the peer, with stop, and with the process', async () => {
    const late = { delayPercent: 100, delayMaxMs: 1_000 };
    const [removed, stopped, dead] = [
      await mangled(late),
      await mangled(late),
      await mangled(late),
    ];
    for (const m of [removed, stopped, dead]) m.say(1, 2, 3);
    removed.transport.removePeer(2);
    await stopped.transport.stop();
    expect([removed.loop.waiting, stopped.loop.waiting, dead.loop.waiting]).toEqual([0, 0, 3]);
    dead.loop.end();
    for (const m of [removed, stopped, dead]) {
      await m.pass(2_000);
      expect(m.heard).toEqual([]);
    }
  });
});

const IDS = ['n1', 'n2', 'n3'] as const;

interface Member {
  readonly loop: EventLoop;
  readonly node: RaftNode;
  readonly machine: JournalMachine;
}

/** Whole nodes over the simulated network, their messages mangled as `conditions` say. */
class MangledCluster {
  readonly kernel = new Kernel();
  readonly conditions: ManglerConditions = calmMangling();
  readonly members: readonly Member[];

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    const network = new MemoryNetwork(this.kernel.nature, {
      latencyMs: 1,
      random: random.stream('network'),
    });
    this.members = IDS.map((name) => {
      const loop = this.kernel.loop(name);
      const own = random.stream(name);
      const world = {
        clock: loop,
        random: own,
        disk: new MemoryDisk(),
        network: network.host(name, loop),
        logger: nullLogger,
      };
      const listen = { host: name, port: 7_000 };
      const transport = mangle(new TcpTransport({ ...world, listen }), {
        random: own.stream('mangle'),
        loop,
        conditions: this.conditions,
      });
      const members = IDS.map((nodeId) => ({ nodeId, address: `${nodeId}:7000` }));
      const config = { ...defaultConfig(), nodeId: name, cluster: { name: 'test', members } };
      const machine = new JournalMachine();
      const node = new RaftNode(config, {
        world,
        storage: new MemoryStorage(),
        transport,
        machine,
      });
      loop.io(0, () => void node.start());
      return { loop, node, machine };
    });
  }

  get leader(): Member | undefined {
    const leaders = this.members.filter(({ node }) => node.phase === 'running' && node.isLeader);
    return leaders.length === 1 ? leaders[0] : undefined;
  }

  until(isReached: () => boolean, withinMs: number): Promise<boolean> {
    return this.kernel.run(this.kernel.nowMs + withinMs, isReached);
  }

  /** Proposes one command each `everyMs`, at whoever leads; answers what was acknowledged. */
  async load(count: number, everyMs: number): Promise<Set<string>> {
    const acknowledged = new Set<string>();
    for (let at = 0; at < count; at++) {
      const command = `c${this.kernel.nowMs}-${at}`;
      this.leader?.node.propose(text(command)).then(
        () => acknowledged.add(command),
        () => undefined,
      );
      await this.kernel.run(this.kernel.nowMs + everyMs);
    }
    return acknowledged;
  }
}

describe('nodes whose messages are mangled', () => {
  for (const seed of [1, 2, 3]) {
    it(`seed ${seed}: go on, lose nothing, and are of one mind when it ends`, async () => {
      const cluster = new MangledCluster(seed);
      expect(await cluster.until(() => cluster.leader !== undefined, 10_000)).toBe(true);
      const bad = { dropPercent: 10, duplicatePercent: 15, delayPercent: 25, delayMaxMs: 300 };
      Object.assign(cluster.conditions, bad);
      const acknowledged = await cluster.load(150, 100);
      expect(acknowledged.size).toBeGreaterThan(50);
      Object.assign(cluster.conditions, calmMangling());
      const journals = (): string[] => cluster.members.map(({ machine }) => machine.journal.join());
      const areOfOneMind = (): boolean => new Set(journals()).size === 1;
      await cluster.until(() => false, 5_000);
      expect([cluster.leader !== undefined, areOfOneMind()]).toEqual([true, true]);
      const [journal] = cluster.members.map(({ machine }) => machine.journal);
      for (const command of acknowledged) expect(journal).toContain(command);
      expect(new Set(journal).size).toBe(journal?.length);
    });
  }

  it('without a report of what was lost: one heartbeat makes good for it', async () => {
    const cluster = new MangledCluster(9);
    expect(await cluster.until(() => cluster.leader !== undefined, 10_000)).toBe(true);
    await cluster.load(5, 50);
    // Shorter than an election timeout, so that no new leader begins anew.
    cluster.conditions.dropPercent = 100;
    const leader = cluster.leader;
    const lost = await cluster.load(5, 20);
    expect(lost.size).toBe(0);
    cluster.conditions.dropPercent = 0;
    const hasAll = (): boolean =>
      cluster.members.every(({ machine }) => machine.journal.length === 10);
    const isMadeGood = await cluster.until(hasAll, 4 * defaultConfig().tickIntervalMs);
    expect([isMadeGood, cluster.leader === leader]).toEqual([true, true]);
  });
});
