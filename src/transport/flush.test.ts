/**
 * What one flush writes, and in which order, where the kernel takes all that it is given at once: then
 * nothing but a bound of our own ends a turn, and meanwhile heartbeats to the other peers wait.
 */
import { expect, it } from 'vitest';
import { type RigNode, rigNode, seededRandom } from '../../sim/rigs/transport-rig.ts';
import { FRAGMENT_BYTES_MAX, LINK_TURN_BYTES_MAX } from '../limits.ts';
import { MessageType } from '../raft/index.ts';
import type { Connection, Network } from '../world/index.ts';
import { append, heartbeat, peer, type World, world } from './transport.fixture.ts';

const MIB = 1024 * 1024;
const HEARTBEAT_BYTES_MAX = 100;
/** The bound, and the piece with which it was reached. */
const TURN_BYTES_MAX = LINK_TURN_BYTES_MAX + FRAGMENT_BYTES_MAX;

interface Write {
  readonly to: string;
  readonly bytes: number;
}

/** Notes what is written to connections that are dialed. */
function noting(network: Network, writes: Write[]): Network {
  const noted = (connection: Connection): Connection => {
    const write = connection.write.bind(connection);
    connection.write = (chunks) => {
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      writes.push({ to: connection.remote.split(':')[0]!, bytes });
      return write(chunks);
    };
    return connection;
  };
  const { listen, dial } = network;
  return { listen, dial: async (...to) => noted(await dial(...to)) };
}

interface Scene {
  readonly w: World;
  readonly a: RigNode;
  readonly others: readonly RigNode[];
  /** What `a` has written, in order. */
  readonly writes: Write[];
}

/** Node 1, connected to nodes 2 and 3. */
async function scene(): Promise<Scene> {
  const w = world({ kernelBytes: 64 * MIB });
  const writes: Write[] = [];
  const network = noting(w.network.host('n1'), writes);
  const a = rigNode(1, { network, clock: w.clock, random: seededRandom(1) });
  const others = [w.node(2), w.node(3)];
  await Promise.all([a, ...others].map((node) => node.start()));
  for (const { id } of others) a.transport.addPeer(peer(id));
  await w.clock.advance(50);
  writes.length = 0;
  return { w, a, others, writes };
}

function sum(writes: readonly Write[], to: string): number {
  return writes.reduce((bytes, write) => bytes + (write.to === to ? write.bytes : 0), 0);
}

it('a turn writes no more to one peer than its bound, and urgent messages of all peers first', async () => {
  const { w, a, others, writes } = await scene();
  for (let index = 0; index < 15; index++) a.transport.send(append(1, 2, index, MIB));
  a.transport.send(append(1, 3, 0, MIB));
  a.transport.send(heartbeat(1, 2));
  a.transport.send(heartbeat(1, 3));
  a.transport.flush();
  for (const [at, to] of ['n2', 'n3'].entries()) {
    expect(writes[at]!.to).toBe(to);
    expect(writes[at]!.bytes).toBeLessThan(HEARTBEAT_BYTES_MAX);
  }
  for (const to of ['n2', 'n3']) {
    expect(sum(writes, to)).toBeLessThanOrEqual(TURN_BYTES_MAX);
  }
  const before = writes.length;
  a.transport.send(append(1, 2, 15));
  a.transport.send(heartbeat(1, 2, 1));
  a.transport.flush();
  expect(writes.slice(before).map(({ to }) => to)).toEqual(['n2']);
  expect(writes.at(-1)!.bytes).toBeLessThan(HEARTBEAT_BYTES_MAX);
  await w.clock.advance(100);
  const indexes = others[0]!.messages
    .filter(({ message }) => message.type === MessageType.App)
    .map(({ message }) => message.index);
  expect(indexes).toEqual(Array.from({ length: 16 }, (_, index) => index));
});

it('what is queued for long goes out turn by turn, and others are heard between', async () => {
  const { w, a, writes } = await scene();
  const turns = 15;
  for (let index = 0; index < turns; index++) a.transport.send(append(1, 2, index, MIB));
  const perTurn: number[] = [];
  const note = (): void => {
    perTurn.push(sum(writes.splice(0), 'n2'));
    if (perTurn.length < 2 * turns) w.clock.soon(note);
  };
  a.transport.flush();
  note();
  await w.clock.run();
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(TURN_BYTES_MAX);
  expect(perTurn.filter((bytes) => bytes > 0).length).toBeGreaterThanOrEqual(turns);
});

it('little is one write, at once: urgent and regular messages together', async () => {
  const { a, writes } = await scene();
  for (let index = 0; index < 100; index++) a.transport.send(append(1, 2, index, 500));
  a.transport.send(heartbeat(1, 2));
  a.transport.flush();
  expect(writes.length).toBe(1);
  expect(a.status.map(({ queuedBytes }) => queuedBytes)).toEqual([0, 0]);
});

it('a connection that is replaced between two turns writes nothing more', async () => {
  const { w, a, others, writes } = await scene();
  for (let index = 0; index < 5; index++) a.transport.send(append(1, 2, index, MIB));
  a.transport.flush();
  a.transport.removePeer(2);
  const before = writes.length;
  await w.clock.advance(50);
  expect(writes.length).toBe(before);
  expect(others[0]!.log.at(-1)).toBe('unreachable 1 closed');
});
