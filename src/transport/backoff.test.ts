import { describe, expect, it } from 'vitest';

import { seededRandom } from '../../sim/rigs/transport-rig.ts';
import { Backoff } from './backoff.ts';

/** `part` of the range of jitter, always. */
function constant(part: number) {
  return {
    below: (bound: number) => Math.round((bound - 1) * part),
    bytes: () => new Uint8Array(),
  };
}

describe('Backoff', () => {
  it('S-1 has 100 ms, 30 s, factor 2, 20 % when nothing is said', () => {
    const backoff = new Backoff(seededRandom(1));
    expect([backoff.initialMs, backoff.maxMs, backoff.multiplier, backoff.jitter]).toEqual([
      100, 30_000, 2, 0.2,
    ]);
  });

  it('S-2 the first three waits are within 20 % of 100, 200, 400 ms', () => {
    for (const part of [0, 0.5, 1]) {
      const backoff = new Backoff(constant(part));
      for (const nominalMs of [100, 200, 400]) {
        expect(backoff.next()).toBeCloseTo(nominalMs * (0.8 + 0.4 * part), 6);
      }
    }
  });

  it('S-3 jitter stays within the cap, also after twenty waits', () => {
    for (const part of [0, 0.5, 1]) {
      const backoff = new Backoff(constant(part));
      let longestMs = 0;
      for (let i = 0; i < 20; i++) longestMs = Math.max(longestMs, backoff.next());
      expect(longestMs).toBeLessThanOrEqual(30_000);
      expect(longestMs).toBeGreaterThanOrEqual(24_000);
    }
  });

  it('S-4 reset goes back to the first wait', () => {
    const backoff = new Backoff(seededRandom(7));
    for (let i = 0; i < 6; i++) backoff.next();
    backoff.reset();
    const waitMs = backoff.next();
    expect(waitMs).toBeGreaterThanOrEqual(80);
    expect(waitMs).toBeLessThanOrEqual(120);
  });

  it('S-5 ten first waits are not all the same', () => {
    const backoff = new Backoff(seededRandom(3));
    const waits = new Set<number>();
    for (let i = 0; i < 10; i++) {
      backoff.reset();
      waits.add(backoff.next());
    }
    expect(waits.size).toBeGreaterThanOrEqual(2);
  });

  it('S-6 five waits in a row grow; after a reset the wait is short again', () => {
    for (let seed = 0; seed < 50; seed++) {
      const backoff = new Backoff(seededRandom(seed));
      const waits = Array.from({ length: 5 }, () => backoff.next());
      expect(waits).toEqual([...waits].sort((a, b) => a - b));
      backoff.reset();
      expect(backoff.next()).toBeLessThan(150);
    }
  });
});
