import { describe, expect, it } from 'vitest';
import { HISTORY_SEGMENT_BYTES } from '../limits.ts';
import { ChangeWriter } from './change-codec.ts';
import { ChangeHistory } from './change-history.ts';
import { ALL, bytes } from './state.fixture.ts';

const WIDE = { changesMax: 1_000_000, bytesMax: 1_000_000_000 };

/** A change that deletes one key: enough for a history, which looks into none. */
function change(revision: number, keyBytes = 8): Uint8Array {
  const writer = new ChangeWriter();
  writer.delete(bytes(String(revision).padEnd(keyBytes, '.')));
  return writer.finish(revision).slice();
}

function filled(count: number, bounds = WIDE, keyBytes = 8): ChangeHistory {
  const history = new ChangeHistory(bounds);
  for (let revision = 1; revision <= count; revision++) {
    history.append(change(revision, keyBytes));
  }
  return history;
}

function contents(history: ChangeHistory): number[] {
  const revisions: number[] = [];
  for (let at = history.compactedRevision + 1; at <= history.revision; at++) {
    expect(history.read(at, ALL).events).toHaveLength(1);
    revisions.push(history.read(at, ALL).revision);
  }
  return revisions;
}

describe('the history of changes', () => {
  it('finds each change, over several segments', () => {
    const count = Math.ceil((3 * HISTORY_SEGMENT_BYTES) / 1_000);
    const history = filled(count, WIDE, 1_000);
    expect(contents(history)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    expect(history.count).toBe(count);
    expect(history.touches(5, { start: bytes('5'.padEnd(1_000, '.')) })).toBe(true);
    expect(history.touches(5, { start: bytes('6') })).toBe(false);
    const keys: string[] = [];
    history.eachKey(7, (key) => keys.push(Buffer.from(key).toString()));
    expect(keys).toEqual(['7'.padEnd(1_000, '.')]);
  });

  it('drops the oldest above its number of changes', () => {
    const history = filled(25, { ...WIDE, changesMax: 10 });
    expect(contents(history)).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24, 25]);
    expect(history.compactedRevision).toBe(15);
  });

  it('drops the oldest above its bytes, and counts them', () => {
    const one = change(1).length;
    const history = filled(20, { ...WIDE, bytesMax: 5 * one + 1 });
    expect(history.count).toBe(5);
    expect(history.bytes).toBe(5 * one);
  });

  it('keeps the newest change, however large', () => {
    const history = filled(3, { ...WIDE, bytesMax: 100 });
    history.append(change(4, HISTORY_SEGMENT_BYTES * 2));
    expect(contents(history)).toEqual([4]);
    history.append(change(5));
    expect(contents(history)).toEqual([5]);
    history.dropBelow(99);
    expect(contents(history)).toEqual([5]);
  });

  it('forgets on demand, and reads nothing that it does not hold', () => {
    const history = filled(10);
    history.dropBelow(4);
    expect(contents(history)).toEqual([4, 5, 6, 7, 8, 9, 10]);
    history.dropBelow(2);
    expect(history.compactedRevision).toBe(3);
    for (const revision of [0, 3, 11]) {
      expect(() => history.read(revision, ALL)).toThrow(
        expect.objectContaining({ code: 'INVARIANT' }),
      );
    }
  });

  it('what was captured stays, while it goes on', () => {
    const history = filled(600, WIDE, 1_000);
    history.dropBelow(100);
    const { count, pieces } = history.capture();
    const whole = Buffer.concat(pieces);
    for (let revision = 601; revision <= 1_200; revision++) {
      history.append(change(revision, 1_000));
    }
    history.dropBelow(1_200);
    expect(Buffer.concat(pieces).equals(whole)).toBe(true);
    expect(count).toBe(501);
    const again = new ChangeHistory(WIDE, 99);
    const length = change(100, 1_000).length;
    let at = 0;
    while (again.count < count) {
      const next = 4 + whole.readUInt32LE(at);
      again.load(whole.subarray(at, at + next));
      at += next;
    }
    expect(at).toBe(whole.length);
    expect(length).toBeGreaterThan(1_000);
    expect(contents(again).at(0)).toBe(100);
    expect(contents(again).at(-1)).toBe(600);
  });
});
