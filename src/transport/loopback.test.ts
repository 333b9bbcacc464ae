/**
 * Transports over the real network on the loopback interface: the scenarios S-40 to S-54, S-98 and
 * S-99 as a user of the package meets them. Waits are for events, never for time.
 */

import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type RigNode, rigNode } from '../../sim/rigs/transport-rig.ts';
import { HANDSHAKES_PER_ADDRESS_MAX } from '../limits.ts';
import { EntryType, type Message, MessageType, makeMessage } from '../raft/index.ts';
import { type Network, realClock, realNetwork, realRandom } from '../world/index.ts';
import { encodeFrame, FrameType } from './frame.ts';

const running: RigNode[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.transport.stop()));
});

interface Place {
  readonly host?: string;
  readonly network?: Network;
}

async function node(id: number, port = 0, place: Place = {}): Promise<RigNode> {
  const made = rigNode(id, {
    network: place.network ?? realNetwork(),
    clock: realClock(),
    random: realRandom(),
    host: place.host ?? '127.0.0.1',
    port,
  });
  await made.start({ address: '127.0.0.1:1' });
  running.push(made);
  return made;
}

function add(to: RigNode, peer: RigNode): void {
  const address = peer.transport.boundAddress;
  to.transport.addPeer({ raftId: peer.id, nodeId: `n${peer.id}`, address });
}

async function nodes(count: number): Promise<RigNode[]> {
  const made: RigNode[] = [];
  for (let id = 1; id <= count; id++) made.push(await node(id));
  for (const from of made) for (const to of made) if (from !== to) add(from, to);
  return made;
}

function heartbeat(from: number, to: number, commit = 0): Message {
  return makeMessage({ type: MessageType.Heartbeat, to, from, term: 3, commit });
}

function append(from: number, to: number, index: number, bytes: number): Message {
  const data = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at++) data[at] = at * 31 + index;
  const entries = [{ term: 3, index: index + 1, type: EntryType.Normal, data }];
  return makeMessage({ type: MessageType.App, to, from, term: 3, index, entries });
}

function send(from: RigNode, ...messages: readonly Message[]): void {
  for (const message of messages) from.transport.send(message);
  from.transport.flush();
}

describe('on loopback', () => {
  it('S-40 one message arrives once, with its type, from, to, term', async () => {
    const [a, b] = await nodes(2);
    send(a!, heartbeat(1, 2));
    await b!.until(() => b!.messages.length > 0);
    expect(b!.messages).toEqual([{ from: 1, message: heartbeat(1, 2) }]);
  });

  it('S-41, S-44 both directions and all sends use one connection', async () => {
    const [a, b] = await nodes(2);
    send(a!, heartbeat(1, 2, 1));
    await b!.until(() => b!.messages.length === 1);
    send(b!, heartbeat(2, 1, 2));
    await a!.until(() => a!.messages.length === 1);
    send(a!, heartbeat(1, 2, 3));
    await b!.until(() => b!.messages.length === 2);
    expect([a!.log, b!.log]).toEqual([['connected 2'], ['connected 1']]);
  });

  it('S-42 three nodes: each gets what is for it', async () => {
    const [a, b, c] = await nodes(3);
    send(a!, heartbeat(1, 2), heartbeat(1, 3));
    send(b!, heartbeat(2, 3));
    await c!.until(() => c!.messages.length === 2);
    await b!.until(() => b!.messages.length === 1);
    expect(c!.messages.map(({ from }) => from).sort()).toEqual([1, 2]);
  });

  it('S-43 ten quick messages arrive in order', async () => {
    const [a, b] = await nodes(2);
    for (let index = 0; index < 10; index++) send(a!, append(1, 2, index, 10));
    await b!.until(() => b!.messages.length === 10);
    expect(b!.messages.map(({ message }) => message.index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('S-45, S-48 a removed or unknown peer is an error of the caller', async () => {
    const [a] = await nodes(2);
    a!.transport.removePeer(2);
    expect(() => a!.transport.send(heartbeat(1, 2))).toThrow('no peer with raft id 2');
    expect(() => a!.transport.send(heartbeat(1, 7))).toThrow('no peer with raft id 7');
  });

  it('S-50 a peer that was stopped and started again on its port gets later messages', async () => {
    const [a, b] = await nodes(2);
    await a!.until(() => a!.log.includes('connected 2'));
    const port = Number(b!.transport.boundAddress.split(':')[1]);
    await b!.transport.stop();
    await a!.until(() => a!.log.includes('unreachable 2 refused'));
    const again = await node(2, port);
    add(again, a!);
    await again.until(() => again.log.includes('connected 1'));
    await a!.until(() => a!.status[0]?.connected === true);
    send(a!, heartbeat(1, 2, 5));
    await again.until(() => again.messages.length > 0);
    expect(again.messages.at(-1)?.message.commit).toBe(5);
  });

  it('S-51 an entry of 1 MiB arrives intact, and so do many, in order', async () => {
    const [a, b] = await nodes(2);
    const sent = Array.from({ length: 12 }, (_, index) => append(1, 2, index, 1024 * 1024));
    send(a!, ...sent);
    await b!.until(() => b!.messages.length === sent.length);
    for (const [at, { message }] of b!.messages.entries()) {
      expect(message.index).toBe(at);
      expect(Buffer.compare(message.entries[0]!.data, sent[at]!.entries[0]!.data)).toBe(0);
    }
  });

  it('S-52 stop with live connections returns cleanly on both sides', async () => {
    const [a, b] = await nodes(2);
    await a!.until(() => a!.log.includes('connected 2'));
    await b!.until(() => b!.log.includes('connected 1'));
    await Promise.all([a!.transport.stop(), b!.transport.stop(), a!.transport.stop()]);
    expect([a!.log, b!.log]).toEqual([['connected 2'], ['connected 1']]);
    expect(a!.status).toEqual([]);
  });

  it('S-53 ten sends to a dead port: nothing throws, the breaker has opened', async () => {
    const dead = await node(2);
    const address = dead.transport.boundAddress;
    await dead.transport.stop();
    const a = await node(1);
    a.transport.addPeer({ raftId: 2, nodeId: 'n2', address });
    for (let i = 0; i < 10; i++) send(a, heartbeat(1, 2));
    await a.until(() => a.log.filter((line) => line === 'unreachable 2 refused').length === 5);
    expect(a.status[0]?.breaker).toBe('open');
  });

  it('S-54 an incoming connection from a configured peer is usable', async () => {
    const [a, b] = [await node(1), await node(2)];
    a.transport.addPeer({ raftId: 2, nodeId: 'n2', address: '127.0.0.1:1' });
    await a.until(() => a.log.includes('unreachable 2 refused'));
    add(b, a);
    await a.until(() => a.log.includes('connected 2'));
    send(a, heartbeat(1, 2));
    await b.until(() => b.messages.length === 1);
  });

  it('S-98 a dead peer delays nobody: a round trip to another one takes milliseconds', async () => {
    const [a, b] = await nodes(2);
    a!.transport.addPeer({ raftId: 9, nodeId: 'n9', address: '127.0.0.1:1' });
    await a!.until(
      () => a!.log.includes('connected 2') && a!.log.includes('unreachable 9 refused'),
    );
    const started = performance.now();
    for (let i = 1; i <= 20; i++) {
      send(a!, heartbeat(1, 9), heartbeat(1, 2));
      await b!.until(() => b!.messages.length === i);
    }
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('S-99 simultaneous dials of five nodes end with one connection for each pair', async () => {
    const made = await nodes(5);
    await Promise.all(
      made.map((one) => one.until(() => one.status.every((peer) => peer.connected))),
    );
    for (const from of made) {
      for (const to of made) if (from !== to) send(from, heartbeat(from.id, to.id));
    }
    await Promise.all(made.map((one) => one.until(() => one.messages.length === 4)));
    for (const one of made) {
      expect(one.log.filter((line) => line.startsWith('connected')).length).toBe(4);
      expect(one.log.length).toBe(4);
    }
  });

  it('a name is resolved at each dial: a peer that moved is found under its new address', async () => {
    let home = '127.0.0.2';
    const asked: string[] = [];
    const network = realNetwork({
      resolve: async (host) => {
        if (host !== 'node-2.test') return [host];
        asked.push(home);
        return [home];
      },
    });
    const a = await node(1, 0, { network });
    const b = await node(2, 0, { host: '127.0.0.2' });
    const port = Number(b.transport.boundAddress.split(':')[1]);
    a.transport.addPeer({ raftId: 2, nodeId: 'n2', address: `node-2.test:${port}` });
    await a.until(() => a.log.includes('connected 2'));
    await b.transport.stop();
    await a.until(() => a.log.includes('unreachable 2 refused'));
    const moved = await node(2, port, { host: '127.0.0.3' });
    home = '127.0.0.3';
    await a.until(() => a.status[0]?.connected === true);
    send(a, heartbeat(1, 2, 4));
    await moved.until(() => moved.messages.length === 1);
    expect([asked[0], asked.at(-1)]).toEqual(['127.0.0.2', '127.0.0.3']);
  });

  it('hundreds of silent connections and garbage: few places, and peers still come in', async () => {
    const a = await node(1);
    const port = Number(a.transport.boundAddress.split(':')[1]);
    const garbage = Buffer.concat(encodeFrame(FrameType.Node, 1, [Buffer.alloc(60_000)]));
    let open = 0;
    let changed = (): void => {};
    const strangers = Array.from({ length: 400 }, (_, at) => {
      const socket = connect(port, '127.0.0.1');
      open += 1;
      socket.on('error', () => {});
      socket.on('connect', () => {
        if (at % 2 === 0) socket.write(garbage);
      });
      socket.on('close', () => {
        open -= 1;
        changed();
      });
      return socket.resume();
    });
    await new Promise<void>((done) => {
      changed = () => {
        if (open <= HANDSHAKES_PER_ADDRESS_MAX) done();
      };
      changed();
    });
    const b = await node(2);
    add(b, a);
    await b.until(() => b.log.includes('connected 1'));
    expect(open).toBeLessThanOrEqual(HANDSHAKES_PER_ADDRESS_MAX);
    expect(a.warnings).toContain('peer.refused malformed');
    for (const socket of strangers) socket.destroy();
  });

  it('bulk: a few MiB arrive whole', async () => {
    const [a, b] = await nodes(2);
    const content = Buffer.alloc(3 * 1024 * 1024 + 7, 'snapshot ');
    const chunks: Uint8Array[] = [];
    b!.bulk = async () => ({
      received: 0,
      write: async (chunk) => {
        chunks.push(chunk);
      },
      finish: async () => {},
      abort: () => {},
    });
    await a!.transport.sendBulk(makeMessage({ type: MessageType.Snap, to: 2, from: 1 }), {
      bytes: content.length,
      read: async (position, length) => content.subarray(position, position + length),
    });
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
  });

  it('a refusal arrives before the connection is dropped', async () => {
    const [a, b] = [await node(1), await node(2)];
    b.admit = async () => {
      throw new Error('not today');
    };
    add(a, b);
    await a.until(() => a.log.length > 0);
    expect([a.log[0], a.errors[0]?.message]).toEqual(['unreachable 2 rejected', 'not today']);
  });
});
