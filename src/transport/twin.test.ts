/**
 * Two processes with one identity: a data folder and its copy. First come stays as long as it answers;
 * the other one is refused by name. A process that was started again is no twin, and hardly waits.
 */
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';

import { type RigNode, rigNode, seededRandom } from '../../sim/rigs/transport-rig.ts';
import { childPrograms } from '../../test/house/child-program.ts';
import { ClusterError } from '../errors.ts';
import { TWIN_SILENCE_MS_MAX, TWIN_VERDICT_MS_MAX } from '../limits.ts';
import { MessageType, makeMessage } from '../raft/index.ts';
import { realClock, realNetwork, realRandom } from '../world/index.ts';
import { positionBytes } from './bulk-wire.ts';
import { encodeFrame, FrameType } from './frame.ts';
import { encodeHandshake, HandshakeType } from './handshake-codec.ts';
import { encodeMessage } from './message-codec.ts';
import {
  connected,
  heartbeat,
  helloTo,
  pair,
  peer,
  send,
  stranger,
  type World,
  world,
} from './transport.fixture.ts';

const QUIET = { deadAfterMs: 60_000, pingIntervalMs: 10_000 };

/** A second process with the identity of node `id`, on a host of its own. */
async function twinOf(w: World, id: number, other: number): Promise<RigNode> {
  const network = w.network.host('copy');
  const random = seededRandom(77);
  const twin = rigNode(id, { network, clock: w.clock, random, host: 'copy' });
  await twin.start({ address: 'copy:7000' });
  twin.transport.addPeer(peer(other));
  return twin;
}

describe('a second process on the same data folder, or on a copy of it', () => {
  for (const [id, other] of [
    [2, 1],
    [1, 2],
  ] as const) {
    it(`is refused by name on both sides, again and again; node ${id} stays connected`, async () => {
      const w = world();
      const both = await pair(w);
      const [first, witness] = [both[id - 1]!, both[other - 1]!];
      const twin = await twinOf(w, id, other);
      await w.clock.advance(10_000);
      const text = `node n${id} (raft id ${id}) is connected already from ${
        witness === both[0] ? 'n2' : 'n1'
      }:`;
      expect(twin.log[0]).toBe(`unreachable ${other} rejected`);
      expect(twin.log.some((line) => line.startsWith('connected'))).toBe(false);
      expect(twin.errors[0]).toMatchObject({
        code: 'PEER_REFUSED',
        details: { refusal: 'twin', by: 'them' },
      });
      for (const said of [twin.errors[0]?.message, witness.complaints[0]]) {
        expect(said).toContain(text);
        expect(said).toContain('Stop one of them; a copy must never be started');
      }
      expect(twin.warnings).toEqual(['peer.unreachable twin']);
      expect(witness.warnings).toEqual(['peer.refused twin']);
      expect([first.log, witness.log]).toEqual([[`connected ${other}`], [`connected ${id}`]]);
      send(witness, heartbeat(other, id, 7));
      send(first, heartbeat(id, other, 8));
      await w.clock.advance(5);
      expect(first.messages.map(({ message }) => message.commit)).toEqual([7]);
      expect(witness.messages.map(({ message }) => message.commit)).toEqual([8]);
    });
  }

  it('is refused by the one that dials it, too: an address that leads to the copy', async () => {
    const w = world();
    const [a] = await pair(w);
    const twin = await twinOf(w, 2, 9);
    twin.transport.addPeer({ ...peer(1), address: 'n9:7000' });
    a.transport.addPeer({ ...peer(2), address: 'copy:7000' });
    const bulk = a.transport.sendBulk(makeMessage({ type: MessageType.Snap, to: 2, from: 1 }), {
      bytes: 1,
      read: async () => new Uint8Array(1),
    });
    const told = expect(bulk).rejects.toThrow('a second process runs on the same data folder');
    await w.clock.advance(100);
    await told;
    expect(twin.warnings).toContain('peer.refused twin');
    expect(connected(a)).toBe(true);
  });

  it('is no twin with another data folder: it is told that it lost its data', async () => {
    const w = world();
    const [a] = await pair(w);
    a.admit = async ({ incarnation }) => {
      if (incarnation !== 'life-2') throw new ClusterError('MEMBER_WIPED', 'another data folder');
    };
    const network = w.network.host('copy');
    const wiped = rigNode(2, { network, clock: w.clock, random: seededRandom(77), host: 'copy' });
    await wiped.start({ address: 'copy:7000', incarnation: 'life-9' });
    wiped.transport.addPeer(peer(1));
    await w.clock.advance(100);
    expect(wiped.warnings).toEqual(['peer.unreachable incarnation']);
  });

  it('its bulk is refused as well', async () => {
    const w = world();
    const [a] = await pair(w);
    const twin = await twinOf(w, 2, 1);
    const bulk = twin.transport.sendBulk(makeMessage({ type: MessageType.Snap, to: 1, from: 2 }), {
      bytes: 1,
      read: async () => new Uint8Array(1),
    });
    const told = expect(bulk).rejects.toThrow('a second process runs on the same data folder');
    await w.clock.advance(100);
    await told;
    expect(a.warnings).toEqual(['peer.refused twin']);
  });

  it('a transfer that comes from it ends once another process is connected', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    a.transport.addPeer({ ...peer(2), address: 'n9:7000' });
    const copy = await stranger(w);
    const hello = helloTo(a, { purpose: 'bulk' });
    copy.connection.write([encodeHandshake(hello)]);
    await w.clock.advance(5);
    copy.connection.write([encodeHandshake({ type: HandshakeType.Confirm, nonce: hello.nonce })]);
    await w.clock.advance(100);
    expect(copy.state.isClosed).toBe(false);
    const b = w.node(2);
    await b.start();
    b.transport.addPeer(peer(1));
    await w.clock.advance(20);
    expect([connected(b), copy.state.isClosed]).toEqual([true, true]);
    expect(a.complaints).toContain('node n2 is another process now');
  });

  it('a transfer that it begins while another process connects does not come about', async () => {
    const w = world();
    const a = w.node(1);
    const asked: number[] = [];
    a.bulk = async (from) => {
      asked.push(from);
      throw new Error('not expected');
    };
    await a.start();
    a.transport.addPeer(peer(2));
    const copy = await stranger(w);
    const hello = helloTo(a, { purpose: 'bulk' });
    copy.connection.write([encodeHandshake(hello)]);
    await w.clock.advance(5);
    const b = w.node(2);
    await b.start();
    b.transport.addPeer(peer(1));
    await w.clock.advance(20);
    expect([connected(b), copy.state.isClosed]).toEqual([true, false]);
    copy.connection.write([encodeHandshake({ type: HandshakeType.Confirm, nonce: hello.nonce })]);
    const offer = makeMessage({ type: MessageType.Snap, to: 1, from: 2 });
    const parts = [positionBytes(1), encodeMessage(offer)];
    copy.connection.write(encodeFrame(FrameType.BulkOffer, 0, parts));
    await w.clock.advance(20);
    expect([copy.state.isClosed, asked]).toEqual([true, []]);
  });

  it('a transfer to what a dead process left behind ends once the next process is connected', async () => {
    const w = world();
    const [a, b] = await pair(w);
    b.bulk = async () => ({
      received: 0,
      write: () => new Promise(() => {}),
      finish: async () => {},
      abort: () => {},
    });
    let failure = '';
    const offer = makeMessage({ type: MessageType.Snap, to: 2, from: 1 });
    a.transport
      .sendBulk(offer, { bytes: 10, read: async () => new Uint8Array(10) })
      .catch((error: Error) => {
        failure = error.message;
      });
    await w.clock.advance(20);
    w.network.powerOff('n2');
    w.network.powerOn('n2');
    const again = w.node(2);
    await again.start();
    again.transport.addPeer(peer(1));
    const isEnded = (): boolean => failure !== '';
    expect(await w.clock.until(isEnded, TWIN_SILENCE_MS_MAX + 100)).toBe(true);
    expect(failure).toBe('the transfer to node n2 failed: node n2 is another process now');
  });

  it('of two that start at once exactly one is connected, and the other one is told', async () => {
    for (const id of [1, 2]) {
      const other = 3 - id;
      const w = world();
      const [first, witness] = [w.node(id), w.node(other)];
      await Promise.all([first.start(), witness.start()]);
      const twin = await twinOf(w, id, other);
      first.transport.addPeer(peer(other));
      witness.transport.addPeer(peer(id));
      await w.clock.advance(5_000);
      const two = [first, twin];
      expect(two.filter(connected).length).toBe(1);
      const loser = two.find((one) => !connected(one));
      expect(loser?.warnings).toContain('peer.unreachable twin');
      expect(connected(witness)).toBe(true);
    }
  });

  it('comes in when the first one is gone', async () => {
    const w = world();
    const [a] = await pair(w);
    const twin = await twinOf(w, 2, 1);
    await w.clock.advance(5_000);
    expect(connected(twin)).toBe(false);
    w.network.crash('n2');
    expect(await w.clock.until(() => connected(twin) && connected(a), 1_300)).toBe(true);
  });
});

describe('what is no twin', () => {
  it('a process that was killed and started again is connected after one dial', async () => {
    for (const id of [1, 2]) {
      const w = world();
      const both = await pair(w, QUIET);
      const survivor = both[2 - id]!;
      w.network.crash(`n${id}`);
      const again = w.node(id);
      await again.start();
      again.transport.addPeer(peer(3 - id));
      await w.clock.advance(20);
      expect([connected(again), connected(survivor)]).toEqual([true, true]);
      expect([again.warnings, again.log]).toEqual([[], [`connected ${3 - id}`]]);
    }
  });

  it('one whose host lost its power waits until the old connection was asked in vain', async () => {
    const w = world();
    const [a] = await pair(w, QUIET);
    // Something on the way swallows the reset that would answer the question.
    w.network.resetOneSide('n2', 'n1');
    w.network.powerOff('n2');
    w.network.powerOn('n2');
    const again = w.node(2);
    await again.start();
    again.transport.addPeer(peer(1));
    await w.clock.advance(TWIN_SILENCE_MS_MAX - 1);
    expect([connected(again), again.warnings]).toEqual([false, []]);
    await w.clock.advance(20);
    expect([connected(again), connected(a), again.warnings]).toEqual([true, true, []]);
    expect(a.log).toEqual(['connected 2', 'unreachable 2 timeout', 'connected 2']);
  });

  it('one whose host is back is let in when the host answers for the old connection', async () => {
    const w = world();
    const [a] = await pair(w, QUIET);
    w.network.powerOff('n2');
    w.network.powerOn('n2');
    const again = w.node(2);
    await again.start();
    again.transport.addPeer(peer(1));
    await w.clock.advance(20);
    expect([connected(again), connected(a), again.warnings]).toEqual([true, true, []]);
    expect(a.log).toEqual(['connected 2', 'unreachable 2 closed', 'connected 2']);
  });

  it('a pause of our own is not the silence of the first one', async () => {
    const w = world();
    const [a, b] = await pair(w, QUIET);
    w.network.delay('n2', 'n1', 300);
    const twin = await twinOf(w, 2, 1);
    await w.clock.advance(10);
    await w.clock.block(20_000);
    await w.clock.advance(5_000);
    expect([connected(a), connected(b), connected(twin)]).toEqual([true, true, false]);
    expect(b.log).toEqual(['connected 1']);
    expect(twin.warnings).toContain('peer.unreachable twin');
  });

  it('a process that is heard, but does not answer, keeps its place; the other one is put off', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    const first = await stranger(w);
    const hello = helloTo(a);
    first.connection.write([encodeHandshake(hello)]);
    await w.clock.advance(5);
    first.connection.write([encodeHandshake({ type: HandshakeType.Confirm, nonce: hello.nonce })]);
    await w.clock.advance(5);
    expect(a.log).toEqual(['connected 2']);
    const late = w.node(2);
    await late.start();
    late.transport.addPeer(peer(1));
    for (let ms = 0; ms < TWIN_VERDICT_MS_MAX + 200; ms += 200) {
      first.connection.write(encodeFrame(FrameType.Ping, 0, []));
      await w.clock.advance(200);
    }
    expect(late.warnings).toEqual(['peer.unreachable busy']);
    expect([a.log, first.state.isClosed]).toEqual([['connected 2'], false]);
  });

  it('questions that nobody reads the answers of do not fill our memory', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    const flooding = await stranger(w);
    const hello = helloTo(a);
    flooding.connection.write([encodeHandshake(hello)]);
    await w.clock.advance(5);
    const confirm = encodeHandshake({ type: HandshakeType.Confirm, nonce: hello.nonce });
    flooding.connection.write([confirm]);
    flooding.connection.pause();
    w.network.slow('n1', 'x', 1_000);
    const question = Buffer.concat(encodeFrame(FrameType.Question, 0, [new Uint8Array(8)]));
    const many = Buffer.concat(Array.from({ length: 10_000 }, () => question));
    for (let i = 0; i < 10; i++) {
      flooding.connection.write([many]);
      await w.clock.advance(5);
    }
    a.transport.addPeer(peer(2));
    expect(a.log).toEqual(['connected 2']);
    flooding.connection.resume();
    await w.clock.advance(2_000);
    const heardBytes = flooding.heard.reduce((sum, chunk) => sum + chunk.length, 0);
    expect(heardBytes).toBeLessThan(1_000_000);
    expect(heardBytes).toBeGreaterThan(100_000);
  });
});

const PROGRAM = `
import { TcpTransport } from 'DOOR/transport/index.js';
import { nullLogger, realClock, realNetwork, realRandom } from 'DOOR/world/index.js';
const [port, peer] = process.argv.slice(2);
const listen = { host: '127.0.0.1', port: Number(port) };
const transport = new TcpTransport({
  network: realNetwork(), clock: realClock(), random: realRandom(), logger: nullLogger, listen,
});
const say = (line) => process.stdout.write(line + '\\n');
const local = {
  clusterName: 'test', clusterId: 'cluster-1', nodeId: 'n2', raftId: 2, incarnation: 'life-2',
  address: '127.0.0.1:' + port,
};
await transport.start(local, {
  messages: () => {}, frame: () => {}, admit: async () => {},
  bulk: async () => { throw new Error('no bulk'); },
  connected: () => say('connected'),
  unreachable: (from, reason, error) => say('unreachable ' + reason + ' ' + error.message),
});
transport.addPeer({ raftId: 1, nodeId: 'n1', address: peer });
say('listening ' + transport.boundAddress);
`;

describe('over real sockets', () => {
  const cleanups: (() => Promise<void> | void)[] = [];

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  it('a child that is killed and started again is back in a second; a twin of it is refused', async () => {
    const parts = { network: realNetwork(), clock: realClock(), random: realRandom() };
    const a = rigNode(1, { ...parts, host: '127.0.0.1', port: 0 });
    await a.start({ address: '127.0.0.1:1' });
    cleanups.push(() => a.transport.stop());
    const programs = childPrograms(['transport', 'world', 'raft']);
    cleanups.push(() => programs.dispose());
    const run = (
      port: string,
    ): { kill(): Promise<void>; line(starts: string): Promise<string> } => {
      const child = programs.start(PROGRAM, [port, a.transport.boundAddress]);
      let text = '';
      child.stdout?.on('data', (chunk) => {
        text += String(chunk);
        child.emit('line');
      });
      child.stderr?.on('data', (chunk) => {
        text += `${String(chunk)}\n`;
      });
      const kill = async (): Promise<void> => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill('SIGKILL');
        await once(child, 'exit');
      };
      cleanups.push(kill);
      const line = async (starts: string): Promise<string> => {
        for (;;) {
          const found = text.split('\n').find((each) => each.startsWith(starts));
          if (found !== undefined) return found;
          if (child.exitCode !== null) throw new Error(text);
          await Promise.race([once(child, 'line'), once(child, 'exit')]);
        }
      };
      return { kill, line };
    };

    const first = run('0');
    const address = (await first.line('listening')).split(' ')[1]!;
    await first.line('connected');
    a.transport.addPeer({ raftId: 2, nodeId: 'n2', address });

    const twin = run('0');
    expect(await twin.line('unreachable')).toContain('is connected already from 127.0.0.1:');
    expect(a.warnings).toEqual(['peer.refused twin']);
    await twin.kill();
    expect(a.log).toEqual(['connected 2']);

    await first.kill();
    const again = run(address.split(':')[1]!);
    await again.line('listening');
    const listeningMs = performance.now();
    await again.line('connected');
    expect(performance.now() - listeningMs).toBeLessThan(1_000);
    await a.until(() => connected(a));
  });
});
