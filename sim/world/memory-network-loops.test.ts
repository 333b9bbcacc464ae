/** The network as processes see it that stand still, die, or lose their host: each on a loop of its own. */
import { describe, expect, it } from 'vitest';

import { wired } from './network.fixture.ts';

describe('a process that stands still', () => {
  it('gets the bytes late and in order, after its timers, before what waited for I/O', async () => {
    const { network, loops, a, b, pass } = await wired({ latencyMs: 1 });
    const seen: string[] = [];
    b.onChunk = () => seen.push(Buffer.from(b.chunks.at(-1) ?? []).toString());
    loops.b.after(10, () => {
      seen.push('timer');
      loops.b.afterIo(() => seen.push('after io'));
    });
    loops.b.block(50);
    for (const text of ['one', 'two', 'three']) a.say(text);
    await pass(20);
    // What has arrived in its kernel is not held back by a later cut.
    network.cutBoth('a', 'b');
    await pass(29);
    expect(seen).toEqual([]);
    await pass(1);
    expect(seen).toEqual(['timer', 'one', 'two', 'three', 'after io']);
  });

  it('fills its kernel and then the sender, which is told when there is room', async () => {
    const { loops, a, b, pass } = await wired({ kernelBytes: 8, chunkBytes: 4 });
    loops.b.block(100);
    expect(a.say('12345678')).toBe(true);
    expect(a.say('9')).toBe(false);
    await pass(99);
    expect([a.drains, a.connection.queuedBytes]).toEqual([0, 1]);
    await pass(1);
    expect([a.drains, a.connection.queuedBytes, b.text]).toEqual([1, 0, '123456789']);
  });

  it('is connected by its kernel: the dialer goes on, the connection waits in the backlog', async () => {
    const { kernel, network, loops, pass, dial } = await wired({ latencyMs: 1 });
    loops.b.block(500);
    const startMs = kernel.nowMs;
    const result = dial(100);
    await pass(10);
    expect([result.outcome, result.atMs - startMs]).toEqual(['connected', 2]);
    expect(network.connections('a', 'b')).toBe(2);
  });

  it('looks at the answer to its dial before it believes its deadline', async () => {
    const { loops, pass, dial } = await wired({ latencyMs: 1 });
    const result = dial(100);
    loops.a.block(5_000);
    await pass(5_000);
    expect(result.outcome).toBe('connected');
  });
});

describe('a process that dies', () => {
  it('sends what its kernel had taken, then a reset; what it still does has no effect', async () => {
    const { network, loops, a, b, pass } = await wired({ latencyMs: 5, kernelBytes: 4 });
    a.say('123456');
    loops.a.end();
    network.crash('a');
    a.say('late');
    a.connection.destroy();
    await pass(100);
    expect([b.text, b.closed]).toEqual(['1234', 'the connection broke']);
    expect(network.connections('a', 'b')).toBe(0);
    expect(network.openEnds('b')).toBe(0);
  });

  it('hears nothing, and what it asked for never settles', async () => {
    const { network, loops, a, b, pass, dial } = await wired({ latencyMs: 5 });
    const before = dial(1_000);
    b.say('?');
    loops.a.end();
    network.crash('a');
    const after = dial(1_000);
    await pass(10_000);
    expect([a.text, a.closed, before.outcome, after.outcome]).toEqual([
      '',
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('dies by an operation on its door: that one does not happen', async () => {
    const { network, loops, a, b, pass } = await wired();
    loops.a.dieAfter(2, () => {
      loops.a.end();
      network.crash('a');
    });
    expect([a.say('first'), a.say('second')]).toEqual([true, false]);
    await pass(10);
    expect(b.text).toBe('first');
  });

  it('refuses dials, and its unread backlog is reset', async () => {
    const { network, loops, pass, dial } = await wired({ latencyMs: 1 });
    loops.b.block(1_000);
    const waiting = dial(100);
    await pass(10);
    network.crash('b');
    const late = dial(100);
    await pass(10);
    expect([waiting.outcome, late.outcome]).toEqual(['connected', 'refused']);
    expect(network.openEnds('a')).toBe(0);
  });
});

describe('a host without power', () => {
  it('is silent; when it is back, it answers old connections by a reset once they are used', async () => {
    const { kernel, network, a, pass, dial } = await wired({ latencyMs: 1 });
    network.powerOff('b');
    const silent = dial(500);
    await pass(1_000);
    expect([a.closed, silent.outcome]).toEqual([undefined, 'timeout']);
    network.powerOn('b');
    const again = kernel.loop('b again');
    await network.host('b', again).listen({ host: 'b', port: 7 }, () => {});
    const fresh = dial(500);
    await pass(1_000);
    expect([a.closed, fresh.outcome]).toEqual([undefined, 'connected']);
    a.say('still there?');
    await pass(2);
    expect(a.closed).toBe('the connection broke');
  });

  it('lets go of what the other side wrote while it was off', async () => {
    const { network, a, pass } = await wired({ latencyMs: 1, kernelBytes: 4 });
    network.powerOff('b');
    expect(a.say('123456')).toBe(false);
    await pass(1_000);
    network.powerOn('b');
    await pass(5);
    expect([a.closed, a.connection.queuedBytes, network.openEnds('a')]).toEqual([
      'the connection broke',
      0,
      0,
    ]);
  });
});

describe('a dial', () => {
  it('that is called off leaves nothing behind', async () => {
    const { network, pass, dial } = await wired({ latencyMs: 10 });
    const calledOff = new AbortController();
    const result = dial(1_000, calledOff.signal);
    await pass(15);
    expect(network.connections('a', 'b')).toBe(2);
    calledOff.abort(new Error('enough'));
    // The kernels are still at it; its process holds nothing of it, and is not to be blamed.
    expect(network.openEnds('a')).toBe(1);
    await pass(100);
    expect(network.openEnds('a')).toBe(1);
    expect([result.outcome, network.connections('a', 'b')]).toEqual(['enough', 1]);
    const never = dial(1_000, calledOff.signal);
    await pass(0);
    expect(never.outcome).toBe('enough');
  });

  it('is accepted once, however late the answer is', async () => {
    const { network, pass, dial } = await wired({ latencyMs: 1 });
    network.delay('b', 'a', 2_500);
    const result = dial(10_000);
    await pass(2_000);
    expect(network.connections('a', 'b')).toBe(2);
    await pass(9_000);
    expect([result.outcome, network.connections('a', 'b')]).toEqual(['connected', 2]);
  });
});
