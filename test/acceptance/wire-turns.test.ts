/** Goal: no trouble of the leader passes as the machine's. Method: turns made by hand, good and bad. */
import { describe, expect, it } from 'vitest';

import type { Gap } from './machine-witness.ts';
import { type Bounds, isDisturbed, judgeTurns, quantile, type Turn } from './wire-turns.ts';

const BOUNDS: Bounds = { part: 0.99, gapsMin: 100, ratioMax: 1.5, gapMsMax: 600, mayBeOpen: true };

/** `count` gaps of 10 ms, and others. */
function gaps(count: number, ...more: readonly Gap[]): Gap[] {
  return [...Array.from({ length: count }, () => ({ allMs: 10, ownMs: 10 })), ...more];
}

function own(ms: number): Gap {
  return { allMs: ms, ownMs: ms };
}

function turn(b: readonly Gap[], more: Partial<Turn> = {}): Turn {
  return { a: gaps(200), b, isDisturbed: false, ...more };
}

/** How each of the checks ended: no long gap, enough gaps, the ratio. */
function judged(turns: readonly Turn[], more: Partial<Bounds> = {}): boolean[] {
  return judgeTurns(turns, { ...BOUNDS, ...more }).map(({ isGood }) => isGood);
}

describe('turns of heartbeats', () => {
  it('are good where nothing changes', () => {
    expect(judged([turn(gaps(200)), turn(gaps(200))])).toEqual([true, true, true]);
  });

  it('are not, on a calm machine, where the leader says nothing, or little', () => {
    expect(judged([turn([own(12_000)])])).toEqual([false, false, false]);
    expect(judged([turn(gaps(50, own(599)))])).toEqual([true, false, false]);
  });

  it('are not where the tail is longer', () => {
    expect(judged([turn(gaps(200, own(16), own(16), own(16)))])).toEqual([true, true, false]);
    expect(judged([turn(gaps(200, own(15), own(15), own(15)))])).toEqual([true, true, true]);
  });

  it('do not count where the machine stood still, but for gaps that are its own', () => {
    const disturbed = turn(gaps(200, own(500), own(500), own(500)), { isDisturbed: true });
    expect(judged([disturbed, turn(gaps(200))])).toEqual([true, true, true]);
    const silent = turn([own(700)], { isDisturbed: true });
    expect(judged([silent, turn(gaps(200))])).toEqual([false, true, true]);
    const excused = turn([{ allMs: 1_700, ownMs: 100 }], { isDisturbed: true });
    expect(judged([excused, turn(gaps(200))])).toEqual([true, true, true]);
    const tooOften = turn([{ allMs: 2_000, ownMs: 100 }], { isDisturbed: true });
    expect(judged([tooOften, turn(gaps(200))])).toEqual([false, true, true]);
  });

  it('may be left open in the quick form only, and only where none counts', () => {
    const disturbed = turn(gaps(200), { isDisturbed: true });
    expect(judged([disturbed, disturbed])).toEqual([true]);
    expect(judged([disturbed, disturbed], { mayBeOpen: false })).toEqual([true, false, false]);
    expect(judged([disturbed, turn(gaps(9))])).toEqual([true, false, true]);
  });
});

it('a turn is disturbed by standstills for more than a twentieth of it', () => {
  expect(isDisturbed([0, 1_000], [[100, 150]])).toBe(false);
  expect(isDisturbed([0, 1_000], [[100, 151]])).toBe(true);
  expect(isDisturbed([0, 1_000], [[1_100, 1_900]])).toBe(false);
});

it('quantiles are of what is left without standstills', () => {
  expect(quantile([own(1), own(2), { allMs: 90, ownMs: 3 }, own(4)], 0.75)).toBe(3);
  expect(quantile([], 0.5)).toBeNaN();
});
