/** Pings, and the time after which silence ends a connection: neither too late nor too early. */
import { describe, expect, it } from 'vitest';
import { connected, heartbeat, pair, send, world } from './transport.fixture.ts';

describe('proof of life', () => {
  it('an idle connection lives', async () => {
    const w = world();
    const [a, b] = await pair(w);
    const before = [...a.log, ...b.log];
    await w.clock.advance(60_000);
    expect([...a.log, ...b.log]).toEqual(before);
  });

  it('dead after twice the ping interval: whenever something was said last, silence ends in time', async () => {
    for (let offMs = 0; offMs < 1_000; offMs += 25) {
      const w = world();
      const [a, b] = await pair(w, { pingIntervalMs: 1_000, deadAfterMs: 2_000 });
      await w.clock.advance(2_000 + offMs);
      const before = [...a.log, ...b.log];
      send(a, heartbeat(1, 2));
      await w.clock.advance(500);
      // Later than before, and yet within the time that is left.
      w.network.delay('n1', 'n2', 900);
      await w.clock.advance(6_000);
      expect([...a.log, ...b.log], `${offMs} ms`).toEqual(before);
    }
  });

  it('a host that lost its power is noticed within the time given', async () => {
    const w = world();
    const [a] = await pair(w, { pingIntervalMs: 1_000, deadAfterMs: 3_000 });
    await w.clock.advance(4_000);
    w.network.powerOff('n2');
    expect(await w.clock.until(() => a.log.includes('unreachable 2 timeout'), 3_100)).toBe(true);
    expect(connected(a)).toBe(false);
  });

  it('a link that is dead in one direction ends on both sides', async () => {
    const w = world();
    const [a, b] = await pair(w, { pingIntervalMs: 1_000, deadAfterMs: 3_000 });
    w.network.cut('n1', 'n2');
    await w.clock.advance(3_200);
    expect([connected(a), connected(b)]).toEqual([false, false]);
    expect(b.log.at(-1)).toContain('unreachable 1 timeout');
    w.network.heal('n1', 'n2');
    await w.clock.advance(7_000);
    expect([connected(a), connected(b)]).toEqual([true, true]);
  });

  it('a pause of this process is not taken for the silence of the others', async () => {
    const w = world();
    const [a, b] = await pair(w, { pingIntervalMs: 1_000, deadAfterMs: 3_000 });
    const before = [...a.log, ...b.log];
    await w.clock.block(30_000);
    await w.clock.advance(10_000);
    expect([...a.log, ...b.log]).toEqual(before);
  });
});
