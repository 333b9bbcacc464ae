/**
 * Transports over a network in memory, under a manual clock: everything that depends on time, on the
 * order of events, or on faults in the right moment. What the real network does: see loopback.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { PEER_QUEUE_BYTES_MAX, TWIN_SILENCE_MS_MAX } from '../limits.ts';
import { MessageType } from '../raft/index.ts';
import { append, connected, heartbeat, pair, peer, send, world } from './transport.fixture.ts';

describe('who stays connected', () => {
  it('S-99 simultaneous dials end with exactly one connection, whatever the timing', async () => {
    for (let skewMs = 0; skewMs <= 8; skewMs++) {
      for (const [aDelay, bDelay] of [
        [0, 0],
        [3, 0],
        [0, 3],
      ] as const) {
        const w = world({ latencyMs: 1 }, skewMs);
        w.network.delay('n1', 'n2', aDelay);
        w.network.delay('n2', 'n1', bDelay);
        const [a, b] = [w.node(1), w.node(2)];
        await Promise.all([a.start(), b.start()]);
        a.transport.addPeer(peer(2));
        await w.clock.advance(skewMs);
        b.transport.addPeer(peer(1));
        await w.clock.advance(3_000);
        const what = `skew ${skewMs}, delays ${aDelay} ${bDelay}`;
        expect([connected(a), connected(b)], what).toEqual([true, true]);
        expect(w.network.connections('n1', 'n2'), what).toBe(1);
        expect(a.log.filter((line) => line === 'connected 2').length, what).toBe(1);
        expect(b.log.filter((line) => line === 'connected 1').length, what).toBe(1);
        send(a, heartbeat(1, 2));
        send(b, heartbeat(2, 1));
        await w.clock.advance(10);
        expect([a.messages.length, b.messages.length], what).toEqual([1, 1]);
        expect([...a.warnings, ...b.warnings], what).toEqual([]);
      }
    }
  });

  it('S-99 also after the connection broke, again and again', async () => {
    const w = world();
    const [a, b] = await pair(w);
    for (let round = 0; round < 5; round++) {
      await w.clock.advance(2_000);
      w.network.resetAll('n1', 'n2');
      await w.clock.advance(500);
      expect([connected(a), connected(b)]).toEqual([true, true]);
      expect(w.network.connections('n1', 'n2')).toBe(1);
    }
  });

  it('S-54 a connection that the peer dialed is used, when our own dials never arrive', async () => {
    for (const [dialer, other] of [
      [2, 1],
      [1, 2],
    ] as const) {
      const w = world();
      const [a, b] = [w.node(dialer), w.node(other)];
      w.network.refuse(`n${dialer}`, 7_000);
      await Promise.all([a.start(), b.start()]);
      b.transport.addPeer(peer(dialer));
      await w.clock.advance(2_000);
      expect(b.log).toContain(`unreachable ${dialer} refused`);
      a.transport.addPeer(peer(other));
      await w.clock.advance(20);
      expect([connected(a), connected(b)]).toEqual([true, true]);
      expect(b.status[0]?.breaker).toBe('closed');
      send(b, heartbeat(other, dialer));
      await w.clock.advance(5);
      expect(a.messages.length).toBe(1);
    }
  });

  it('a peer whose host lost its power and came back replaces what it left behind, once that was asked', async () => {
    for (const [lost, other] of [
      [2, 1],
      [1, 2],
    ] as const) {
      const w = world();
      const [a, b] = await pair(w, { deadAfterMs: 60_000, pingIntervalMs: 10_000 });
      const survivor = other === 1 ? a : b;
      w.network.powerOff(`n${lost}`);
      w.network.powerOn(`n${lost}`);
      const again = w.node(lost);
      await again.start();
      again.transport.addPeer(peer(other));
      await w.clock.advance(TWIN_SILENCE_MS_MAX + 30);
      expect([connected(again), connected(survivor)]).toEqual([true, true]);
      send(survivor, heartbeat(other, lost));
      await w.clock.advance(5);
      expect(again.messages.length).toBe(1);
    }
  });

  it('a connection that only one side has lost is given up by the other one too', async () => {
    for (const loser of [1, 2]) {
      const w = world();
      const [a, b] = await pair(w, { deadAfterMs: 60_000, pingIntervalMs: 10_000 });
      await w.clock.advance(5_000);
      w.network.resetOneSide(`n${loser}`, `n${3 - loser}`);
      await w.clock.advance(200);
      expect([connected(a), connected(b)]).toEqual([true, true]);
      expect(w.network.connections('n1', 'n2')).toBe(1);
    }
  });

  it('a frame that was half sent on a connection that is replaced arrives over the new one', async () => {
    const w = world();
    const [a, b] = await pair(w, { deadAfterMs: 60_000, pingIntervalMs: 10_000 });
    await w.clock.advance(5_000);
    w.network.cut('n2', 'n1');
    send(b, append(2, 1, 7, 1_000_000));
    expect(b.status[0]?.queuedBytes).toBeGreaterThan(0);
    w.network.resetOneSide('n1', 'n2');
    w.network.heal('n1', 'n2');
    await w.clock.advance(200);
    expect(a.messages.map(({ message }) => message.index)).toEqual([7]);
    expect(b.log.slice(-2)).toEqual(['unreachable 1 closed', 'connected 1']);
    send(b, append(2, 1, 8));
    await w.clock.advance(10);
    expect(a.messages.map(({ message }) => message.index)).toEqual([7, 8]);
  });

  it('whoever connects without having been added is heard, and can be answered once added', async () => {
    const w = world();
    const [a, b] = [w.node(1), w.node(2)];
    await Promise.all([a.start(), b.start()]);
    b.transport.addPeer(peer(1));
    await w.clock.advance(20);
    send(b, heartbeat(2, 1));
    await w.clock.advance(5);
    expect(a.messages.map(({ from }) => from)).toEqual([2]);
    expect(a.status).toEqual([]);
    expect(() => a.transport.send(heartbeat(1, 2))).toThrow('no peer with raft id 2');
    a.transport.addPeer(peer(2));
    send(a, heartbeat(1, 2));
    await w.clock.advance(5);
    expect(b.messages.length).toBe(1);
    expect(w.network.connections('n1', 'n2')).toBe(1);
  });

  it('adding a peer again with another address dials there', async () => {
    const w = world();
    const [a, b] = [w.node(1), w.node(2)];
    await Promise.all([a.start(), b.start()]);
    a.transport.addPeer({ ...peer(2), address: 'n9:7000' });
    await w.clock.advance(500);
    expect(connected(a)).toBe(false);
    a.transport.addPeer(peer(2));
    await w.clock.advance(10);
    expect([connected(a), a.status.length]).toEqual([true, 1]);
  });
});

describe('a peer that is away', () => {
  it('is reported as refused within a round trip of its death, and at each dial after', async () => {
    const w = world();
    const [a] = await pair(w);
    await w.clock.advance(5_000);
    a.log.length = 0;
    w.network.crash('n2');
    await w.clock.advance(3);
    expect(a.log).toEqual(['unreachable 2 closed', 'unreachable 2 refused']);
    await w.clock.advance(10_000);
    const refused = a.log.filter((line) => line === 'unreachable 2 refused').length;
    expect(refused).toBeGreaterThanOrEqual(10);
    expect(refused).toBeLessThanOrEqual(20);
    expect(a.warnings.length).toBe(2);
  });

  it('is reached within about a second once it is back, although it does not dial', async () => {
    const w = world();
    const [a] = await pair(w);
    w.network.crash('n2');
    await w.clock.advance(60_000);
    expect(a.status[0]?.breaker).toBe('open');
    const again = w.node(2);
    await again.start();
    expect(await w.clock.until(() => connected(a), 1_100)).toBe(true);
  });

  it('S-50 is connected at once when it dials, whatever the breaker says', async () => {
    const w = world();
    const [a] = await pair(w, { breaker: { failuresMax: 1, resetMs: 3_600_000 } });
    w.network.crash('n2');
    await w.clock.advance(10_000);
    expect(a.status[0]?.breaker).toBe('open');
    const again = w.node(2);
    await again.start();
    again.transport.addPeer(peer(1));
    await w.clock.advance(10);
    expect([connected(a), a.status[0]?.breaker]).toEqual([true, 'closed']);
    send(a, heartbeat(1, 2, 7));
    await w.clock.advance(5);
    expect(again.messages.map(({ message }) => message.commit)).toEqual([7]);
  });

  it('S-53 sending to it never throws; the breaker counts the dials', async () => {
    const w = world();
    const a = w.node(1);
    await a.start();
    a.transport.addPeer(peer(2));
    for (let index = 0; index < 10; index++) send(a, append(1, 2, index));
    await w.clock.advance(5_000);
    expect(a.status[0]?.breaker).toBe('open');
    expect(a.status[0]?.droppedFrames).toBe(10);
    expect(a.status[0]?.lastError).toContain('nothing listens there');
    expect(a.status[0]?.queuedBytes).toBe(0);
  });

  it('the first dial does not wait, and what was sent meanwhile arrives (SD-21)', async () => {
    const w = world();
    const [a, b] = [w.node(1), w.node(2)];
    await Promise.all([a.start(), b.start()]);
    a.transport.addPeer(peer(2));
    send(a, heartbeat(1, 2));
    await w.clock.advance(8);
    expect(b.messages.length).toBe(1);
  });

  it('S-98 one that is dead, or does not read, delays nobody else', async () => {
    const w = world({ kernelBytes: 64 * 1024 });
    const nodes = [w.node(1), w.node(2), w.node(3)];
    for (const node of nodes) await node.start();
    const [a, , c] = nodes;
    a!.transport.addPeer(peer(2));
    a!.transport.addPeer(peer(3));
    a!.transport.addPeer(peer(4));
    await w.clock.advance(50);
    w.network.cut('n1', 'n2');
    for (let index = 0; index < 40; index++) send(a!, append(1, 2, index, 1_000_000));
    send(a!, heartbeat(1, 2), heartbeat(1, 4), heartbeat(1, 3));
    await w.clock.advance(2);
    expect(c!.messages.length).toBe(1);
  });

  it('a connection that breaks as soon as it is there is not dialed in a tight loop', async () => {
    const w = world();
    const [a] = await pair(w);
    a.log.length = 0;
    for (let i = 0; i < 40; i++) {
      w.network.resetAll('n1', 'n2');
      await w.clock.advance(25);
    }
    const connections = a.log.filter((line) => line === 'connected 2').length;
    expect(connections).toBeGreaterThan(1);
    expect(connections).toBeLessThan(20);
  });
});

describe('what arrives', () => {
  it('appends arrive in order; a heartbeat passes them', async () => {
    const w = world({ kernelBytes: 64 * 1024 });
    const [a, b] = await pair(w);
    for (let index = 0; index < 5; index++) a.transport.send(append(1, 2, index, 400_000));
    send(a);
    await w.clock.advance(1);
    send(a, heartbeat(1, 2));
    await w.clock.advance(1_000);
    const seen = b.messages.map(({ message }) => message);
    expect(seen.filter((m) => m.type === MessageType.App).map((m) => m.index)).toEqual([
      0, 1, 2, 3, 4,
    ]);
    const beat = seen.findIndex((m) => m.type === MessageType.Heartbeat);
    expect(beat).toBeGreaterThanOrEqual(0);
    expect(beat).toBeLessThan(3);
  });

  it('whole, when every byte arrives alone', async () => {
    const w = world({ chunkBytes: 1 });
    const [a, b] = await pair(w);
    send(a, append(1, 2, 5, 2_000), heartbeat(1, 2));
    a.transport.sendFrame(2, 42, [Buffer.from('fra'), Buffer.from('me')]);
    a.transport.flush();
    await w.clock.advance(10);
    expect(b.messages.length).toBe(2);
    expect(b.frames).toEqual([{ from: 1, kind: 42, text: 'frame' }]);
  });

  it('a frame that was cut off by a break is not delivered, and the next connection is clean', async () => {
    const w = world();
    const [a, b] = await pair(w);
    w.network.resetAfter('n1', 'n2', 100_000);
    send(a, append(1, 2, 1, 500_000));
    await w.clock.advance(100);
    expect(b.messages).toEqual([]);
    expect(a.log).toContain('unreachable 2 closed');
    send(a, append(1, 2, 2, 500_000));
    await w.clock.advance(100);
    expect(b.messages.map(({ message }) => message.index)).toEqual([2]);
  });

  it('is sent although nobody called flush', async () => {
    const w = world();
    const [a, b] = await pair(w);
    a.transport.send(heartbeat(1, 2));
    await w.clock.advance(5);
    expect(b.messages.length).toBe(1);
  });

  it('no event runs inside a call', async () => {
    const w = world();
    const [a] = await pair(w);
    const before = a.log.length;
    w.network.cut('n1', 'n2');
    const [large, count] = [1_000_000, PEER_QUEUE_BYTES_MAX / 1_000_000 + 3];
    for (let index = 0; index < count; index++) a.transport.send(append(1, 2, index, large));
    a.transport.flush();
    expect(a.log.length).toBe(before);
    await w.clock.run();
    expect(a.log.slice(before)).toEqual(['unreachable 2 overflow']);
    expect(a.status[0]?.queuedBytes).toBeLessThanOrEqual(PEER_QUEUE_BYTES_MAX + 1_100_000);
    expect(a.status[0]?.droppedFrames).toBeGreaterThan(0);
  });

  it('overflow is told at most ten times a second, but the last time always', async () => {
    const w = world();
    const [a] = await pair(w, { deadAfterMs: 60_000, pingIntervalMs: 20_000 });
    w.network.cut('n1', 'n2');
    for (let index = 0; index < 34; index++) a.transport.send(append(1, 2, index, 1_000_000));
    await w.clock.advance(1_000);
    a.log.length = 0;
    for (let ms = 0; ms < 500; ms++) {
      a.transport.send(append(1, 2, ms, 1_000_000));
      await w.clock.advance(1);
    }
    await w.clock.advance(200);
    expect(a.log.length).toBeGreaterThanOrEqual(5);
    expect(a.log.length).toBeLessThanOrEqual(7);
    expect(new Set(a.log)).toEqual(new Set(['unreachable 2 overflow']));
  });

  it('what is too large for a frame is dropped and told, and the connection lives (SD-18)', async () => {
    const w = world();
    const [a, b] = await pair(w);
    a.log.length = 0;
    send(a, append(1, 2, 1, 9 * 1024 * 1024));
    expect(a.transport.sendFrame(2, 1, [new Uint8Array(9 * 1024 * 1024)])).toBe(false);
    send(a, heartbeat(1, 2));
    await w.clock.advance(10);
    expect(a.log).toEqual(['unreachable 2 overflow']);
    expect(b.messages.map(({ message }) => message.type)).toEqual([MessageType.Heartbeat]);
  });
});
