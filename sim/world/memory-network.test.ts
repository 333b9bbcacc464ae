import { describe, expect, it } from 'vitest';

import type { Connection, Listener } from '../../src/world/index.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryNetwork, type MemoryNetworkOptions } from './memory-network.ts';

interface End {
  readonly connection: Connection;
  readonly chunks: string[];
  drains: number;
  closed: string | undefined;
}

function attach(connection: Connection): End {
  const end: End = { connection, chunks: [], drains: 0, closed: undefined };
  connection.attach({
    data: (chunk) => end.chunks.push(Buffer.from(chunk).toString()),
    drain: () => {
      end.drains += 1;
    },
    close: (error) => {
      end.closed = error?.message ?? 'in order';
    },
  });
  return end;
}

async function connect(options: MemoryNetworkOptions = {}) {
  const clock = new ManualClock();
  const network = new MemoryNetwork(clock, options);
  const accepted: End[] = [];
  const listener: Listener = await network
    .host('b')
    .listen({ host: 'b', port: 7 }, (connection) => accepted.push(attach(connection)));
  let dialed: End | undefined;
  void network
    .host('a')
    .dial({ host: 'b', port: 7 }, 1_000)
    .then((connection) => {
      dialed = attach(connection);
    });
  await clock.advance(100);
  return { clock, network, listener, a: dialed!, b: accepted[0]! };
}

describe('MemoryNetwork', () => {
  it('delivers in order, with latency, and never inside the call', async () => {
    const { clock, a, b } = await connect({ latencyMs: 10 });
    a.connection.write([Buffer.from('one')]);
    a.connection.write([Buffer.from('two')]);
    expect(b.chunks).toEqual([]);
    await clock.advance(9);
    expect(b.chunks).toEqual([]);
    await clock.advance(1);
    expect(b.chunks).toEqual(['one', 'two']);
  });

  it('cuts chunks to the size given', async () => {
    const { clock, a, b } = await connect({ chunkBytes: 1 });
    a.connection.write([Buffer.from('abc')]);
    await clock.run();
    expect(b.chunks).toEqual(['a', 'b', 'c']);
  });

  it('holds back what a cut link carries, one way, until it is healed', async () => {
    const { clock, network, a, b } = await connect();
    network.cut('a', 'b');
    a.connection.write([Buffer.from('held')]);
    b.connection.write([Buffer.from('passes')]);
    await clock.advance(50);
    expect([a.chunks, b.chunks]).toEqual([['passes'], []]);
    network.heal('a', 'b');
    await clock.run();
    expect(b.chunks).toEqual(['held']);
  });

  it('tells the other side of a close, unless the link is cut', async () => {
    const { clock, network, a, b } = await connect();
    network.cut('a', 'b');
    a.connection.destroy();
    await clock.advance(50);
    expect([a.closed, b.closed]).toEqual(['in order', undefined]);
    network.heal('a', 'b');
    await clock.run();
    expect(b.closed).toBe('in order');
  });

  it('breaks a connection in the middle of what it carries', async () => {
    const { clock, network, a, b } = await connect();
    network.resetAfter('a', 'b', 4);
    a.connection.write([Buffer.from('abcdefgh')]);
    await clock.run();
    expect(b.chunks).toEqual(['abcd']);
    expect([a.closed, b.closed]).toEqual(['the connection broke', 'the connection broke']);
  });

  it('lets a writer run ahead by what the kernel takes, and drains', async () => {
    const { clock, a, b } = await connect({ kernelBytes: 4, chunkBytes: 2 });
    b.connection.pause();
    expect(a.connection.write([Buffer.from('abcd')])).toBe(true);
    expect(a.connection.write([Buffer.from('efg')])).toBe(false);
    expect(a.connection.queuedBytes).toBe(3);
    await clock.advance(10);
    expect([a.drains, b.chunks.length]).toEqual([0, 0]);
    b.connection.resume();
    await clock.run();
    expect(a.drains).toBe(1);
    expect(b.chunks.join('')).toBe('abcdefg');
  });

  it('refuses where nobody listens, and is silent where the link is cut', async () => {
    const { clock, network } = await connect();
    const results: string[] = [];
    const dial = (port: number): void => {
      network
        .host('a')
        .dial({ host: 'b', port }, 500)
        .then(
          () => results.push('connected'),
          (error: { fault: string }) => results.push(error.fault),
        );
    };
    dial(8);
    await clock.advance(1);
    network.cut('b', 'a');
    dial(7);
    await clock.advance(499);
    expect(results).toEqual(['refused']);
    await clock.advance(1);
    expect(results).toEqual(['refused', 'timeout']);
  });

  it('tells others of a crash, and the dead nothing', async () => {
    const { clock, network, a, b } = await connect();
    network.crash('b');
    await clock.run();
    expect([a.closed, b.closed]).toEqual(['the connection broke', undefined]);
    expect(network.connections('a', 'b')).toBe(0);
  });

  it('tells nobody of a lost power', async () => {
    const { clock, network, a } = await connect();
    network.powerOff('b');
    a.connection.write([Buffer.from('?')]);
    await clock.advance(10_000);
    expect(a.closed).toBeUndefined();
  });
});
