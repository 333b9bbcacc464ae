import { describe, expect, it } from 'vitest';
import { prefixRange } from './key-ranges.ts';
import { KvMachine } from './kv-machine.ts';
import type { KvWatch } from './kv-watch.ts';
import { ALL, bytes } from './state.fixture.ts';
import type { KeyRange } from './types.ts';
import { WatchIndex } from './watch-index.ts';

/** Remembers what it was told; `range` is all that the index asks of a watch. */
function fake(range: KeyRange): { watch: KvWatch; told: number[] } {
  const told: number[] = [];
  const watch = { range, note: (revision: number) => told.push(revision) };
  return { watch: watch as unknown as KvWatch, told };
}

describe('the index of watches', () => {
  it('tells just those whom a key concerns', () => {
    const index = new WatchIndex();
    const ranges: Record<string, KeyRange> = {
      one: { start: bytes('a/b') },
      other: { start: bytes('a/c') },
      prefix: prefixRange(bytes('a/')),
      otherPrefix: prefixRange(bytes('b/')),
      long: prefixRange(bytes('a/bcdef')),
      range: { start: bytes('a/a'), end: bytes('a/bb') },
      otherRange: { start: bytes('a/bb'), end: bytes('z') },
      all: ALL,
    };
    const fakes = Object.entries(ranges).map(([name, range]) => ({ name, ...fake(range) }));
    for (const { watch } of fakes) index.add(watch);
    index.note(bytes('a/b'), 5);
    const names = fakes.filter(({ told }) => told.length > 0).map(({ name }) => name);
    expect(names).toEqual(['one', 'prefix', 'range', 'all']);
    for (const { watch } of fakes) index.remove(watch);
    for (const { watch } of fakes) index.remove(watch);
    index.note(bytes('a/b'), 6);
    expect(fakes.flatMap(({ told }) => told)).toEqual([5, 5, 5, 5]);
    expect(index.size).toBe(0);
  });

  it('takes keys as bytes, not as text', () => {
    const index = new WatchIndex();
    const { watch, told } = fake({ start: Uint8Array.of(0xff, 0x00) });
    index.add(watch);
    index.note(Uint8Array.of(0xfe, 0x00), 1);
    index.note(Uint8Array.of(0xff, 0x00), 2);
    index.note(Buffer.from([0, 0xff, 0, 0]).subarray(1, 3), 3);
    expect(told).toEqual([2, 3]);
  });

  it('many watches of other keys are not asked', () => {
    const index = new WatchIndex();
    let asked = 0;
    for (let i = 0; i < 5_000; i++) {
      const range = i % 2 === 0 ? { start: bytes(`key${i}`) } : prefixRange(bytes(`prefix${i}/`));
      const watch = {
        get range(): KeyRange {
          asked++;
          return range;
        },
        note: () => expect.unreachable('it is another key'),
      };
      index.add(watch as unknown as KvWatch);
    }
    asked = 0;
    index.note(bytes('key0000'), 1);
    expect(asked).toBe(0);
    expect(index.size).toBe(5_000);
  });

  it('the machine forgets a watch that has ended', async () => {
    const machine = new KvMachine();
    const watches = [machine.watch(ALL), machine.watch({ start: bytes('a') })];
    expect(machine.stats.watches).toBe(2);
    watches[0]?.cancel();
    await watches[1]?.return();
    expect(machine.stats.watches).toBe(0);
  });
});
