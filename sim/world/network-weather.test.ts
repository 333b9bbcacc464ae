/** Bad links, as TCP shows them: late, slow, torn, never out of order. */
import { describe, expect, it } from 'vitest';

import type { MemoryNetworkOptions } from './memory-network.ts';
import { type End, type Wired, wired } from './network.fixture.ts';
import { NetworkWeather, nextRetransmission } from './network-weather.ts';
import { SeededRandom } from './seeded-random.ts';

function stormy(seed: number, options: MemoryNetworkOptions = {}): Promise<Wired> {
  return wired({ latencyMs: 1, random: new SeededRandom(seed), ...options });
}

/** Says numbered words, one each `everyMs`; answers what arrives when nothing is lost. */
async function speak({ pass }: Wired, end: End, count: number, everyMs: number): Promise<string> {
  let all = '';
  for (let word = 0; word < count; word++) {
    const text = `word ${word}; `;
    all += text;
    end.say(text);
    await pass(everyMs);
  }
  return all;
}

describe('loss', () => {
  it('makes bytes late, never out of order and never missing', async () => {
    const w = await stormy(1);
    w.network.link('a', 'b').lossPercent = 20;
    const said = await speak(w, w.a, 200, 5);
    await w.pass(60_000);
    expect(w.b.text).toBe(said);
    const gaps = w.b.atMs.map((ms, at) => ms - (w.b.atMs[at - 1] ?? ms));
    expect(Math.max(...gaps)).toBeGreaterThan(150);
  });

  it('without it nothing is that late', async () => {
    const w = await stormy(1);
    const startMs = w.kernel.nowMs;
    const said = await speak(w, w.a, 200, 5);
    await w.pass(100);
    expect(w.b.text).toBe(said);
    expect(Math.max(...w.b.atMs)).toBeLessThan(startMs + 1_000 + 20);
  });

  it('also of knocks: a dial takes its second or third one', async () => {
    const took = new Set<number>();
    for (let seed = 1; seed <= 20; seed++) {
      const w = await stormy(seed);
      w.network.setAll({ lossPercent: 40 });
      const startMs = w.kernel.nowMs;
      const result = w.dial(20_000);
      await w.pass(20_000);
      if (result.outcome === 'connected') took.add(Math.floor((result.atMs - startMs) / 1_000));
    }
    expect([...took].sort()).toEqual([0, 1, 3, 7]);
  });
});

describe('latency', () => {
  it('has a heavy tail, up to the maximum', async () => {
    const w = await stormy(3, { latencyMaxMs: 100 });
    const link = w.network.link('a', 'b');
    const draws = Array.from({ length: 2_000 }, () => link.latency()).sort((x, y) => x - y);
    expect(draws[1_000]).toBeLessThan(2);
    expect(draws.at(-1)).toBeGreaterThan(30);
    expect(draws.at(-1)).toBeLessThanOrEqual(100);
  });

  it('cuts the stream anywhere, single bytes too', async () => {
    const w = await stormy(4);
    for (let i = 0; i < 300; i++) w.a.say('0123456789');
    await w.pass(1_000);
    expect(w.b.text).toBe('0123456789'.repeat(300));
    const sizes = new Set(w.b.chunks.map((chunk) => chunk.length));
    expect([sizes.has(1), sizes.has(10), sizes.size > 5]).toEqual([true, true, true]);
  });
});

describe('cuts', () => {
  it('one way: what is said that way waits, the other way a buffer full gets through', async () => {
    const w = await wired({ latencyMs: 1, kernelBytes: 10 });
    w.network.cut('b', 'a');
    w.b.say('held');
    for (let i = 0; i < 5; i++) w.a.say('12345');
    await w.pass(1_000);
    expect([w.a.text, w.b.text.length, w.a.drains]).toEqual(['', 25, 0]);
    expect(w.a.connection.queuedBytes).toBe(15);
    w.network.uncut('b', 'a');
    await w.pass(1);
    expect([w.a.text, w.a.drains, w.a.connection.queuedBytes]).toEqual(['held', 1, 0]);
  });

  it('what was held back comes with the next retransmission', async () => {
    const w = await stormy(5);
    w.network.cut('a', 'b');
    const startMs = w.kernel.nowMs;
    w.a.say('held');
    await w.pass(1_000);
    w.network.uncut('a', 'b');
    await w.pass(5_000);
    const tookMs = (w.b.atMs[0] ?? 0) - startMs;
    expect(w.b.text).toBe('held');
    // 200 + 400 + 800 ms after it first did not get through.
    expect(tookMs).toBeGreaterThanOrEqual(1_400);
    expect(tookMs).toBeLessThan(1_430);
    expect([nextRetransmission(0, 0), nextRetransmission(0, 200)]).toEqual([200, 600]);
  });

  it('a kernel that gets no answer for 15 s ends the connection; the other end learns it late', async () => {
    const w = await stormy(6);
    w.network.cut('a', 'b');
    w.a.say('?');
    await w.pass(14_900);
    expect(w.a.closed).toBeUndefined();
    await w.pass(200);
    expect(w.a.closed).toContain('no answer');
    w.network.healAll();
    await w.pass(1_000);
    expect(w.b.closed).toBeUndefined();
    w.b.say('anybody?');
    await w.pass(1_000);
    expect(w.b.closed).toBe('the connection broke');
    expect(w.network.openEnds('a') + w.network.openEnds('b')).toBe(0);
  });

  it('flapping: everything arrives, once and in order, if no connection is given up', async () => {
    const w = await stormy(7);
    let said = '';
    for (let round = 0; round < 40; round++) {
      if (round % 2 === 0) w.network.cutBoth('a', 'b');
      else w.network.heal('a', 'b');
      said += await speak(w, w.a, 5, 20);
    }
    await w.pass(10_000);
    expect([w.b.text === said, w.a.closed, w.b.closed]).toEqual([true, undefined, undefined]);
  });

  it('a link is one object for ever; what is said of all holds for later ones too', () => {
    const weather = new NetworkWeather({ latencyMs: 1, latencyMaxMs: 1 });
    expect(weather.link('a', 'b')).toBe(weather.link('a', 'b'));
    weather.setAll({ lossPercent: 10, isCut: true });
    expect([weather.link('a', 'b').isCut, weather.link('x', 'y').lossPercent]).toEqual([true, 10]);
    weather.calm();
    expect([weather.link('a', 'b').isCut, weather.link('p', 'q').lossPercent]).toEqual([false, 0]);
  });

  it('partition: groups apart, a bridge reaches all; healAll ends everything', async () => {
    const { network } = await wired();
    network.partition([['a', 'b'], ['c'], ['d', 'e']]);
    const isCut = (from: string, to: string): boolean => network.link(from, to).isCut;
    expect([isCut('a', 'c'), isCut('c', 'a'), isCut('e', 'b')]).toEqual([true, true, true]);
    expect([isCut('a', 'b'), isCut('d', 'e'), isCut('bridge', 'a')]).toEqual([false, false, false]);
    network.delay('a', 'b', 50);
    network.healAll();
    expect([isCut('a', 'c'), isCut('e', 'b'), network.link('a', 'b').extraMs]).toEqual([
      false,
      false,
      0,
    ]);
  });
});

describe('torn and slow', () => {
  it('a reset in the middle of a frame: what came before it is read', async () => {
    const w = await stormy(8);
    w.network.resetAfter('a', 'b', 13);
    w.a.say('0123456789');
    w.a.say('0123456789');
    await w.pass(100);
    expect([w.b.text, w.a.closed, w.b.closed]).toEqual([
      '0123456789012',
      'the connection broke',
      'the connection broke',
    ]);
  });

  it('a slow link carries so many bytes in a millisecond and no more', async () => {
    const w = await wired({ latencyMs: 1, chunkBytes: 100 });
    w.network.slow('a', 'b', 10);
    w.a.connection.write([new Uint8Array(10_000)]);
    const startMs = w.kernel.nowMs;
    await w.pass(500);
    const half = w.b.chunks.length * 100;
    await w.pass(600);
    expect(half).toBeGreaterThan(4_800);
    expect(half).toBeLessThan(5_200);
    expect(w.b.chunks.length).toBe(100);
    expect((w.b.atMs.at(-1) ?? 0) - startMs).toBeGreaterThan(950);
  });
});

describe('the same seed', () => {
  async function traceOf(seed: number): Promise<string[]> {
    const w = await stormy(seed);
    const lines: string[] = [];
    w.network.trace = (...line) => lines.push([w.kernel.nowMs, ...line].join(' '));
    w.network.setAll({ lossPercent: 10 });
    await speak(w, w.a, 30, 10);
    w.network.resetAfter('a', 'b', 40);
    const result = w.dial(5_000);
    await speak(w, w.b, 30, 10);
    await w.pass(10_000);
    lines.push(String(result.outcome));
    return lines;
  }

  it('gives the same trace, and another one another', async () => {
    const first = await traceOf(9);
    expect(first.length).toBeGreaterThan(30);
    expect(await traceOf(9)).toEqual(first);
    expect(await traceOf(10)).not.toEqual(first);
    const kinds = new Set(first.map((line) => line.split(' ')[1]));
    expect([...kinds].filter((kind) => kind !== undefined).sort()).toEqual([
      'accepted',
      'close',
      'data',
      'dialed',
    ]);
  });
});
