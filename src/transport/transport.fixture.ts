/**
 * Transports over a network in memory, under a manual clock, and a stranger that speaks whatever it
 * likes to them. Used by the tests of this room.
 */
import { expect } from 'vitest';
import { type RigNode, rigNode, seededRandom } from '../../sim/rigs/transport-rig.ts';
import { ManualClock } from '../../sim/world/manual-clock.ts';
import { MemoryNetwork, type MemoryNetworkOptions } from '../../sim/world/memory-network.ts';
import { EntryType, type Message, MessageType, makeMessage } from '../raft/index.ts';
import type { Connection } from '../world/index.ts';
import { HandshakeType, type Hello, type Identity } from './handshake-codec.ts';
import type { TransportOptions } from './options.ts';
import type { Peer } from './types.ts';

export interface World {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  node(id: number, options?: TransportOptions): RigNode;
}

export function world(options: MemoryNetworkOptions = {}, seed = 1): World {
  const clock = new ManualClock();
  const network = new MemoryNetwork(clock, { latencyMs: 1, ...options });
  let lives = 0;
  const node = (id: number, transportOptions?: TransportOptions): RigNode =>
    rigNode(id, {
      network: network.host(`n${id}`),
      clock,
      random: seededRandom(seed * 1_000 + lives++),
      ...(transportOptions === undefined ? {} : { options: transportOptions }),
    });
  return { clock, network, node };
}

export function peer(id: number): Peer {
  return { raftId: id, nodeId: `n${id}`, address: `n${id}:7000` };
}

export async function pair(w: World, options?: TransportOptions): Promise<[RigNode, RigNode]> {
  const [a, b] = [w.node(1, options), w.node(2, options)];
  await Promise.all([a.start(), b.start()]);
  a.transport.addPeer(peer(2));
  b.transport.addPeer(peer(1));
  await w.clock.advance(50);
  expect([connected(a), connected(b)]).toEqual([true, true]);
  return [a, b];
}

export function connected(node: RigNode): boolean {
  return node.status[0]?.connected === true;
}

export function heartbeat(from: number, to: number, commit = 0): Message {
  return makeMessage({ type: MessageType.Heartbeat, to, from, term: 1, commit });
}

export function append(from: number, to: number, index: number, bytes = 10): Message {
  const data = new Uint8Array(bytes);
  const entries = [{ term: 1, index: index + 1, type: EntryType.Normal, data }];
  return makeMessage({ type: MessageType.App, to, from, term: 1, index, entries });
}

export function send(node: RigNode, ...messages: readonly Message[]): void {
  for (const message of messages) node.transport.send(message);
  node.transport.flush();
}

export interface Stranger {
  readonly connection: Connection;
  readonly heard: Buffer[];
  readonly state: { isClosed: boolean };
}

/** A raw connection to node 1, from a host of that name. */
export async function stranger(w: World, host = 'x'): Promise<Stranger> {
  const heard: Buffer[] = [];
  const state = { isClosed: false };
  let connection: Connection | undefined;
  void w.network
    .host(host)
    .dial({ host: 'n1', port: 7_000 }, 100)
    .then((dialed) => {
      connection = dialed;
      dialed.attach({
        data: (chunk) => heard.push(Buffer.from(chunk)),
        drain: () => {},
        close: () => {
          state.isClosed = true;
        },
      });
    });
  await w.clock.advance(5);
  return { connection: connection!, heard, state };
}

/** What node 2 would say to node 1. */
export function helloTo(node: RigNode, changes: Partial<Hello> = {}): Hello {
  const identity: Identity = {
    ...node.local(),
    nodeId: 'n2',
    raftId: 2,
    address: 'n2:7000',
    incarnation: 'life-2',
    session: 'ab'.repeat(16),
  };
  return {
    type: HandshakeType.Hello,
    versionMin: 1,
    versionMax: 1,
    identity,
    purpose: 'messages',
    nonce: 'cd'.repeat(16),
    target: node.id,
    lost: undefined,
    ...changes,
  };
}
