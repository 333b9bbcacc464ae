/** How a transport starts and ends, and what it leaves behind: nothing, whatever it was doing. */
import { describe, expect, it } from 'vitest';
import type { RigNode } from '../../sim/rigs/transport-rig.ts';
import { MessageType, makeMessage } from '../raft/index.ts';
import { encodeHandshake } from './handshake-codec.ts';
import {
  append,
  heartbeat,
  helloTo,
  pair,
  peer,
  send,
  stranger,
  type World,
  world,
} from './transport.fixture.ts';
import type { BulkSink } from './types.ts';

function snapshotTo(b: RigNode, a: RigNode, bytes: number, sink: Partial<BulkSink>): void {
  b.bulk = async () => ({
    received: 0,
    write: async () => {},
    finish: async () => {},
    abort: () => {},
    ...sink,
  });
  const offer = makeMessage({ type: MessageType.Snap, to: b.id, from: a.id });
  const read = async (_position: number, length: number) => new Uint8Array(length);
  a.transport.sendBulk(offer, { bytes, read }).catch(() => {});
}

function never(): Promise<never> {
  return new Promise(() => {});
}

/** What nodes 1 and 2, which are connected, are in the middle of. */
const STATES: Readonly<Record<string, (w: World, a: RigNode, b: RigNode) => void | Promise<void>>> =
  {
    'a transfer that is held up by its rate': (_, a, b) => snapshotTo(b, a, 10_000, {}),
    'a transfer that is being made durable': (_, a, b) => snapshotTo(b, a, 10, { finish: never }),
    'a transfer that is being written': (_, a, b) => snapshotTo(b, a, 10, { write: never }),
    'a stranger that says nothing': async (w) => {
      await stranger(w);
    },
    'a stranger that was refused': async (w, a) => {
      const them = await stranger(w);
      them.connection.write([encodeHandshake(helloTo(a, { target: 77 }))]);
    },
    'an admit that hangs': async (w, a) => {
      a.admit = never;
      const them = await stranger(w);
      const identity = { ...helloTo(a).identity, nodeId: 'n3', raftId: 3 };
      them.connection.write([encodeHandshake(helloTo(a, { identity }))]);
    },
    'a dial whose answer does not come': (w, a) => {
      w.network.cut('n3', 'n1');
      a.transport.addPeer(peer(3));
    },
    'a roll that was called': async (w, a) => {
      w.network.cut('n2', 'n1');
      const them = await stranger(w);
      them.connection.write([encodeHandshake(helloTo(a))]);
    },
    'a queue that overflows': (w, a) => {
      w.network.cut('n1', 'n2');
      for (let index = 0; index < 40; index++) send(a, append(1, 2, index, 1_000_000));
    },
  };

describe('start and stop', () => {
  it('S-52 stop ends everything, tells nothing more, and leaves no timer', async () => {
    const w = world();
    const [a, b] = await pair(w);
    a.transport.addPeer(peer(3));
    await w.clock.advance(10);
    const before = [...a.log];
    const stopped = Promise.all([a.transport.stop(), a.transport.stop(), b.transport.stop()]);
    await w.clock.advance(10);
    await stopped;
    expect(w.clock.waiting).toBe(0);
    await w.clock.advance(10_000);
    expect(a.log).toEqual(before);
    expect(w.network.connections('n1', 'n2')).toBe(0);
  });

  it.each(Object.entries(STATES))('S-52 stop leaves no timer: %s', async (_, begin) => {
    const w = world();
    const [a, b] = await pair(w, { bulkBytesPerSecond: 100 });
    await begin(w, a, b);
    await w.clock.advance(200);
    const stopped = Promise.all([a.transport.stop(), b.transport.stop()]);
    await w.clock.advance(10);
    await stopped;
    expect(w.clock.waiting).toBe(0);
  });

  it('stop is bounded when a connection never closes', async () => {
    const w = world();
    const [a] = await pair(w);
    w.network.crash('n1');
    let isStopped = false;
    void a.transport.stop().then(() => {
      isStopped = true;
    });
    await w.clock.advance(1_100);
    expect(isStopped).toBe(true);
  });

  it('stop before start is fine; a send after stop is dropped', async () => {
    const w = world();
    const a = w.node(1);
    a.transport.addPeer(peer(2));
    await a.transport.stop();
    a.transport.send(heartbeat(1, 2));
    expect(a.transport.sendFrame(2, 1, [])).toBe(false);
    await expect(a.start()).rejects.toThrow('can be started once');
  });

  it('an address that is taken is an error by name', async () => {
    const w = world();
    const [a, b] = [w.node(1), w.node(1)];
    await a.start();
    await expect(b.start()).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
  });

  it('S-45, S-46, S-47, S-48, S-49 peers: unknown, removed, added twice, impossible', async () => {
    const w = world();
    const [a, b] = await pair(w);
    a.transport.addPeer(peer(2));
    expect(a.status.length).toBe(1);
    expect(() => a.transport.send(heartbeat(1, 9))).toThrow('no peer with raft id 9');
    expect(() => a.transport.sendFrame(9, 1, [])).toThrow('no peer with raft id 9');
    for (const address of ['nowhere', 'h:0', 'h:65536', ':1', 'a b:1', 'h:1:2', '[::1:5']) {
      expect(() => a.transport.addPeer({ ...peer(3), address }), address).toThrow('host:port');
    }
    a.transport.removePeer(2);
    a.transport.removePeer(2);
    a.transport.removePeer(9);
    expect(() => a.transport.send(heartbeat(1, 2))).toThrow('no peer with raft id 2');
    await w.clock.advance(2);
    expect(b.log).toContain('unreachable 1 closed');
    expect(a.log).toEqual(['connected 2']);
  });
});
