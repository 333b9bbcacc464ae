/**
 * One peer's trouble is nobody else's: what a heartbeat may wait for, how soon a dead connection is
 * found out, what is told when something was dropped, and that nothing is left behind by connections
 * that come and go. All of it under a manual clock, so times are exact.
 */
import { describe, expect, it } from 'vitest';
import { type RigNode, rigNode, seededRandom } from '../../sim/rigs/transport-rig.ts';
import { ManualClock } from '../../sim/world/manual-clock.ts';
import { MemoryNetwork } from '../../sim/world/memory-network.ts';
import {
  HANDSHAKE_MS_MAX,
  KERNEL_BYTES_OUTSTANDING_MAX,
  PEER_PING_MS,
  PEER_SILENCE_MS_MAX,
  TWIN_SILENCE_MS_MAX,
} from '../limits.ts';
import { MessageType, makeMessage } from '../raft/index.ts';
import type { Network } from '../world/index.ts';
import {
  append,
  connected,
  heartbeat,
  pair,
  peer,
  send,
  type World,
  world,
} from './transport.fixture.ts';
import type { BulkSink } from './types.ts';

const BEAT_MS = 100;
const MIB = 1024 * 1024;

/** When each heartbeat (numbered by its commit index) arrived. */
function arrivals(w: World, node: RigNode): Map<number, number> {
  const found = new Map<number, number>();
  let seen = 0;
  node.onEvent = () => {
    for (; seen < node.messages.length; seen++) {
      const message = node.messages[seen]!.message;
      if (message.type === MessageType.Heartbeat) found.set(message.commit, w.clock.now());
    }
  };
  return found;
}

/** Sends `count` heartbeats to each of `to`, one each BEAT_MS; answers when each was sent. */
async function beat(
  w: World,
  from: RigNode,
  to: readonly number[],
  count: number,
  meanwhile: () => void = () => {},
): Promise<number[]> {
  const sentMs: number[] = [];
  for (let i = 1; i <= count; i++) {
    sentMs[i] = w.clock.now();
    send(from, ...to.map((id) => heartbeat(from.id, id, i)));
    for (let ms = 0; ms < BEAT_MS; ms += 10) {
      meanwhile();
      await w.clock.advance(10);
    }
  }
  return sentMs;
}

/** The longest time that one of them took; infinite when one did not arrive. */
function longest(sentMs: readonly number[], arrived: ReadonlyMap<number, number>): number {
  let longestMs = 0;
  for (let i = 1; i < sentMs.length; i++) {
    const tookMs = (arrived.get(i) ?? Number.POSITIVE_INFINITY) - sentMs[i]!;
    longestMs = Math.max(longestMs, tookMs);
  }
  return longestMs;
}

async function three(w: World): Promise<[RigNode, RigNode, RigNode]> {
  const nodes: [RigNode, RigNode, RigNode] = [w.node(1), w.node(2), w.node(3)];
  for (const node of nodes) await node.start();
  for (const a of nodes) {
    for (const b of nodes) if (a !== b) a.transport.addPeer(peer(b.id));
  }
  await w.clock.advance(50);
  return nodes;
}

describe('what a heartbeat may wait for', () => {
  const TROUBLES: Readonly<Record<string, (w: World, nodes: readonly RigNode[]) => void>> = {
    'S-98 a dead process': (w) => w.network.crash('n2'),
    'S-98 a host without power': (w) => w.network.powerOff('n2'),
    'S-98 a black hole': (w) => w.network.cutBoth('n1', 'n2'),
    'S-98 one that hears and does not answer': (w) => w.network.cut('n2', 'n1'),
    'S-98 one whose connections break again and again': (w) => {
      for (let ms = 0; ms < 10_000; ms += 30) {
        w.clock.after(ms, () => w.network.resetAll('n1', 'n2'));
      }
    },
    'S-98 one whose admit hangs': (w, [a]) => {
      a!.admit = ({ raftId }) => (raftId === 2 ? new Promise(() => {}) : Promise.resolve());
      w.network.resetAll('n1', 'n2');
    },
  };

  for (const [name, begin] of Object.entries(TROUBLES)) {
    it(`${name} delays no heartbeat to another peer`, async () => {
      const w = world({ kernelBytes: 64 * 1024 });
      const nodes = await three(w);
      const [a, , c] = nodes;
      const arrived = arrivals(w, c);
      begin(w, nodes);
      let index = 0;
      const load = (): void => {
        send(a, append(1, 2, index, 300_000), append(1, 3, index, 300));
        index += 1;
      };
      const sentMs = await beat(w, a, [2, 3], 100, load);
      expect(longest(sentMs, arrived)).toBe(w.network.latencyMs);
      expect(c.messages.filter(({ message }) => message.type === MessageType.App).length).toBe(
        index,
      );
    });
  }

  it('a follower 64 MiB behind delays no heartbeat: not to it, not to the others', async () => {
    const w = world({ kernelBytes: 64 * 1024 });
    const [a, b, c] = await three(w);
    const bytesPerMs = 10 * 1024;
    w.network.slow('n1', 'n2', bytesPerMs);
    const [atB, atC] = [arrivals(w, b), arrivals(w, c)];
    let index = 0;
    const refill = (): void => {
      while (index < 64 && a.status[0]!.queuedBytes < 16 * MIB) send(a, append(1, 2, index++, MIB));
    };
    refill();
    const seconds = (64 * MIB) / bytesPerMs / 1_000;
    const sentMs = await beat(w, a, [2, 3], Math.floor(seconds * 10), refill);
    const kernelBytes = KERNEL_BYTES_OUTSTANDING_MAX + w.network.kernelBytes + w.network.chunkBytes;
    expect(longest(sentMs, atC)).toBe(w.network.latencyMs);
    expect(longest(sentMs, atB)).toBeLessThan(kernelBytes / bytesPerMs + 10);
    await w.clock.advance(1_000);
    const appends = b.messages.filter(({ message }) => message.type === MessageType.App);
    expect(appends.map(({ message }) => message.index)).toEqual(
      Array.from({ length: 64 }, (_, i) => i),
    );
  });

  it('a snapshot that is being sent delays no heartbeat, not even to its receiver', async () => {
    const w = world({ kernelBytes: 64 * 1024 });
    const [a, b, c] = await three(w);
    const [atB, atC] = [arrivals(w, b), arrivals(w, c)];
    let received = 0;
    b.bulk = async (): Promise<BulkSink> => ({
      received: 0,
      write: async (chunk) => {
        received += chunk.length;
      },
      finish: async () => {},
      abort: () => {},
    });
    w.network.slow('n1', 'n2', 8 * 1024);
    const bytes = 16 * MIB;
    const snapshot = makeMessage({ type: MessageType.Snap, to: 2, from: 1 });
    const sending = a.transport.sendBulk(snapshot, {
      bytes,
      read: async (_position, length) => new Uint8Array(length),
    });
    const sentMs = await beat(w, a, [2, 3], 18);
    expect(received).toBeGreaterThan(bytes / 2);
    expect(longest(sentMs, atB)).toBeLessThan(5);
    expect(longest(sentMs, atC)).toBe(w.network.latencyMs);
    await w.clock.advance(5_000);
    await sending;
    expect(received).toBe(bytes);
  });
});

describe('a connection that is only half there', () => {
  it('is found out within PEER_SILENCE_MS_MAX, whichever side is gone', async () => {
    for (const lost of [1, 2]) {
      const w = world();
      const [a, b] = await pair(w);
      const survivor = lost === 1 ? b : a;
      await w.clock.advance(7_345);
      w.network.powerOff(`n${lost}`);
      const limitMs = PEER_SILENCE_MS_MAX + w.network.latencyMs;
      const reached = (): boolean => survivor.log.includes(`unreachable ${lost} timeout`);
      expect(await w.clock.until(reached, limitMs)).toBe(true);
      expect(survivor.errors[0]?.message).toBe(
        `nothing was heard from node n${lost} for ${PEER_SILENCE_MS_MAX} ms`,
      );
    }
  });

  it('silence is three pings long: one that is lost or late does not end a connection', () => {
    expect(PEER_SILENCE_MS_MAX).toBeGreaterThanOrEqual(3 * PEER_PING_MS);
  });

  it('nodes that were all stopped for long, and go on, stay connected', async () => {
    for (const pauseMs of [2_900, 3_100, 29_990, 30_000, 600_000]) {
      const w = world();
      const [a, b] = await pair(w);
      await w.clock.advance(777);
      const before = [...a.log, ...b.log];
      await w.clock.block(pauseMs);
      await w.clock.advance(5_000);
      expect([...a.log, ...b.log], `${pauseMs} ms`).toEqual(before);
    }
  });
});

describe('what was dropped is told', () => {
  it('messages that waited for an earlier life of the peer, whenever they were queued', async () => {
    for (let delayMs = 0; delayMs <= 12; delayMs++) {
      const w = world();
      const [a] = await pair(w, { deadAfterMs: 60_000, pingIntervalMs: 10_000 });
      w.network.powerOff('n2');
      w.network.powerOn('n2');
      const again = w.node(2);
      await again.start();
      again.transport.addPeer(peer(1));
      // In the phase of timers: what comes in at this instant comes before anything is flushed.
      w.clock.after(delayMs, () => a.transport.send(append(1, 2, 7)));
      await w.clock.advance(TWIN_SILENCE_MS_MAX + 100);
      const isThere = again.messages.length === 1;
      const isTold = a.log.some((line) => line.startsWith('unreachable 2'));
      expect([connected(a), isThere || isTold], `queued after ${delayMs} ms`).toEqual([true, true]);
    }
  });

  it('what waited for a process that died reaches none that is started there later', async () => {
    const w = world({ kernelBytes: 64 * 1024 });
    const [a, b] = await pair(w);
    // More than the wire takes at once: the last one still waits.
    for (let index = 0; index < 5; index++) send(a, append(1, 2, index, 1_000_000));
    send(a, heartbeat(1, 2));
    w.network.powerOff('n2');
    w.network.resetAll('n1', 'n2');
    w.network.powerOn('n2');
    await w.clock.advance(1);
    expect(b.messages).toEqual([]);
    expect(a.log.at(-1)).toBe('unreachable 2 closed');
    const again = w.node(2);
    await again.start();
    again.transport.addPeer(peer(1));
    await w.clock.advance(5_000);
    expect([connected(a), again.messages.length]).toEqual([true, 0]);
  });

  it('what was sent to a raft id that belongs to another node from now on', async () => {
    const w = world();
    const [a] = await pair(w);
    w.network.cut('n1', 'n2');
    send(a, append(1, 2, 1));
    a.transport.addPeer({ ...peer(2), nodeId: 'other', address: 'n9:7000' });
    expect(a.log).toEqual(['connected 2']);
    await w.clock.run();
    expect(a.log).toEqual(['connected 2', 'unreachable 2 closed']);
    expect([connected(a), a.status[0]?.queuedBytes]).toEqual([false, 0]);
  });
});

describe('connections that come and go', () => {
  it('leave no timer and no connection behind', async () => {
    const w = world();
    const [a, b] = await pair(w);
    await w.clock.advance(2_000);
    const before = w.clock.waiting;
    for (let round = 0; round < 100; round++) {
      w.network.resetAll('n1', 'n2');
      await w.clock.advance(round % 3 === 0 ? 3 : 1_500);
    }
    await w.clock.advance(3_000);
    expect([connected(a), connected(b)]).toEqual([true, true]);
    expect(w.network.connections('n1', 'n2')).toBe(1);
    expect(w.clock.waiting).toBeLessThanOrEqual(before);
  });

  it('dials that nobody wants any more are called off', async () => {
    const clock = new ManualClock();
    const memory = new MemoryNetwork(clock, { latencyMs: 1 }).host('n1');
    const dials: (AbortSignal | undefined)[] = [];
    const dial: Network['dial'] = (_address, _timeoutMs, signal) => {
      dials.push(signal);
      return new Promise(() => {});
    };
    const network = { listen: memory.listen, dial };
    const a = rigNode(1, { network, clock, random: seededRandom(1) });
    await a.start();
    const calledOff = (): unknown => dials.map((signal) => signal?.aborted);
    for (const id of [2, 3]) {
      a.transport.addPeer(peer(id));
      const offer = makeMessage({ type: MessageType.Snap, to: id, from: 1 });
      const source = { bytes: 1, read: async () => new Uint8Array(1) };
      a.transport.sendBulk(offer, source).catch(() => {});
    }
    await clock.advance(10);
    expect(calledOff()).toEqual([false, false, false, false]);
    a.transport.removePeer(2);
    expect(calledOff()).toEqual([true, true, false, false]);
    await a.transport.stop();
    expect(calledOff()).toEqual([true, true, true, true]);
  });

  it('peers that are added and removed leave nothing behind either', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    const before = w.clock.waiting;
    for (let round = 0; round < 50; round++) {
      a.transport.addPeer(peer(2));
      a.transport.addPeer({ ...peer(3), address: 'n3:7000' });
      send(a, append(1, 2, round));
      await w.clock.advance(round * 7);
      a.transport.removePeer(2);
      a.transport.removePeer(3);
    }
    await w.clock.advance(HANDSHAKE_MS_MAX + 1_000);
    expect([a.status, w.clock.waiting]).toEqual([[], before]);
  });

  it('backoff and breaker begin anew with a connection, not with a dial that got through', async () => {
    const w = world();
    const [a, b] = [w.node(1), w.node(2)];
    b.admit = async () => {
      throw new Error('not yet');
    };
    await Promise.all([a.start(), b.start()]);
    a.transport.addPeer(peer(2));
    await w.clock.advance(10_000);
    const tries = a.log.filter((line) => line === 'unreachable 2 rejected').length;
    expect(tries).toBeGreaterThanOrEqual(10);
    expect(tries).toBeLessThanOrEqual(16);
    expect(a.status[0]?.breaker).toBe('open');
    b.admit = async () => {};
    expect(await w.clock.until(() => connected(a), 1_200)).toBe(true);
    expect(a.status[0]?.breaker).toBe('closed');
    await w.clock.advance(2_000);
    a.log.length = 0;
    w.network.crash('n2');
    await w.clock.advance(200);
    expect(a.log.filter((line) => line === 'unreachable 2 refused').length).toBeGreaterThan(1);
  });
});

describe('simultaneous dials', () => {
  it('S-99 one connection, for 200 random timings of dials, links and admits', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = seededRandom(seed);
      const w = world({ latencyMs: random.below(4) }, seed);
      w.network.delay('n1', 'n2', random.below(20));
      w.network.delay('n2', 'n1', random.below(20));
      const nodes = [w.node(1), w.node(2)];
      for (const node of nodes) {
        await node.start();
        node.admit = () => new Promise((done) => w.clock.after(random.below(15), done));
      }
      const [a, b] = nodes;
      w.clock.after(random.below(60), () => a!.transport.addPeer(peer(2)));
      w.clock.after(random.below(60), () => b!.transport.addPeer(peer(1)));
      await w.clock.advance(2_000);
      expect(w.network.connections('n1', 'n2'), `seed ${seed}`).toBe(1);
      expect([a!.log, b!.log], `seed ${seed}`).toEqual([['connected 2'], ['connected 1']]);
      send(a!, heartbeat(1, 2));
      send(b!, heartbeat(2, 1));
      await w.clock.advance(100);
      expect([a!.messages.length, b!.messages.length], `seed ${seed}`).toEqual([1, 1]);
    }
  });
});

describe('a stop that overtakes a start', () => {
  /** A network whose `listen` waits until it is let go on. */
  function slowListen(network: Network): { network: Network; goOn: () => void } {
    let goOn = (): void => {};
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const listen: Network['listen'] = async (address, onConnection) => {
      await gate;
      return await network.listen(address, onConnection);
    };
    return { network: { listen, dial: network.dial }, goOn };
  }

  function starting() {
    const clock = new ManualClock();
    const memory = new MemoryNetwork(clock, { latencyMs: 1 });
    const { network, goOn } = slowListen(memory.host('n1'));
    const node = rigNode(1, { network, clock, random: seededRandom(1) });
    return { clock, memory, node, goOn };
  }

  it('waits until what was opened is closed; the start says that it was stopped', async () => {
    const { clock, memory, node, goOn } = starting();
    node.transport.addPeer(peer(2));
    const started = node.start().then(
      () => 'started',
      (error: unknown) => (error as { code: string }).code,
    );
    let isStopped = false;
    const stopped = node.transport.stop().then(() => {
      isStopped = true;
    });
    await clock.advance(500);
    expect(isStopped).toBe(false);
    goOn();
    await clock.advance(10);
    expect(await started).toBe('NODE_STOPPED');
    await stopped;
    await memory.host('n1').listen({ host: 'n1', port: 7_000 }, () => {});
    expect([node.log, clock.waiting]).toEqual([[], 0]);
  });

  it('is bounded when listening hangs', async () => {
    const { clock, node } = starting();
    void node.start().catch(() => {});
    let isStopped = false;
    void node.transport.stop().then(() => {
      isStopped = true;
    });
    await clock.advance(1_100);
    expect(isStopped).toBe(true);
  });
});
