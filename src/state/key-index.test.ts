/** The index of keys: it says what a map says, also of keys that all have the same hash. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashKey } from './bytes.ts';
import { ASK_TREE, KeyIndex } from './key-index.ts';
import { KeySlots } from './key-slots.ts';
import { type RecordRef, RecordSlabs } from './record-slabs.ts';
import { bytes } from './state.fixture.ts';
import { NO_SLOT } from './tree-nodes.ts';

const NUMBERS = { createRevision: 1, modRevision: 1, version: 1 };

/** An index with what it stands on, and a map that says what it should. */
class Bench {
  readonly slabs = new RecordSlabs();
  readonly slots = new KeySlots(this.slabs);
  readonly index = new KeyIndex(this.slots);
  readonly expected = new Map<string, number>();
  readonly #hash: (key: Uint8Array) => number;

  constructor(hash: (key: Uint8Array) => number = (key) => hashKey(key, 0, key.length)) {
    this.#hash = hash;
  }

  write(key: string): RecordRef {
    return this.slabs.write({ key: bytes(key), value: bytes(''), ...NUMBERS });
  }

  toggle(key: string): void {
    const slot = this.expected.get(key);
    const hash = this.#hash(bytes(key));
    if (slot === undefined) {
      const taken = this.slots.take(this.write(key));
      this.index.add(hash, taken);
      this.expected.set(key, taken);
    } else {
      this.index.remove(hash, slot);
      this.slots.free(slot);
      this.expected.delete(key);
    }
  }

  find(key: string): number {
    const padded = bytes(`..${key}.`);
    return this.index.find(this.#hash(bytes(key)), padded, 2, padded.length - 1);
  }
}

describe('the index of keys', () => {
  it('finds what is in it, by key and by record, through growth and removals', () => {
    const bench = new Bench();
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 2_000 }), { maxLength: 500 }), (numbers) => {
        for (const number of numbers) bench.toggle(`key ${number}`);
        for (let number = 0; number <= 2_000; number += 7) {
          const key = `key ${number}`;
          const slot = bench.expected.get(key);
          expect(bench.find(key)).toBe(slot ?? NO_SLOT);
          if (slot === undefined) continue;
          const ref = bench.slots.ref(slot);
          expect(bench.index.findRecord(bench.slabs.keyHash(ref), ref)).toBe(slot);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('finds every key at each moment of a growth, which goes on a few places at a time', () => {
    const bench = new Bench();
    for (let number = 0; number < 1_200; number++) {
      bench.toggle(`${number}`);
      // Those that are taken out while it grows stand in the old table or in the new one.
      if (number % 5 === 4) bench.toggle(`${number - 3}`);
      for (let asked = number % 11; asked <= number + 20; asked += 11) {
        expect(bench.find(`${asked}`)).toBe(bench.expected.get(`${asked}`) ?? NO_SLOT);
      }
    }
  });

  it('has room for as many as it was told, and for more', () => {
    const bench = new Bench();
    bench.index.reserve(300);
    for (let number = 0; number < 2_000; number++) bench.toggle(`${number}`);
    for (const [key, slot] of bench.expected) expect(bench.find(key)).toBe(slot);
    expect(bench.find('2000')).toBe(NO_SLOT);
  });

  it('of keys with one hash it holds some, and says "ask the tree" of the others, never "no"', () => {
    const bench = new Bench((key) => (key[0] as number) % 2);
    for (let round = 0; round < 3; round++) {
      for (let number = 0; number < 1_500; number += round + 1) bench.toggle(`${number}`);
      let asked = 0;
      for (let number = 0; number < 1_500; number++) {
        const found = bench.find(`${number}`);
        if (found === ASK_TREE) asked++;
        else expect(found).toBe(bench.expected.get(`${number}`) ?? NO_SLOT);
      }
      expect(asked).toBeGreaterThan(0);
    }
    for (const key of [...bench.expected.keys()]) bench.toggle(key);
    expect(bench.find('1')).toBe(NO_SLOT);
  });
});

describe('slots of keys', () => {
  it('a captured table stays as it was, whatever is written afterwards', () => {
    const bench = new Bench();
    const count = 1_500;
    for (let number = 0; number < count; number++) bench.toggle(`${number}`);
    const captured = bench.slots.capture(bench.slabs.capture());
    const freed = bench.expected.get('7') as number;
    bench.toggle('7');
    bench.toggle('new');
    expect(bench.expected.get('new')).toBe(freed);
    for (const [key, slot] of bench.expected) bench.slots.set(slot, bench.write(`${key}+`));
    for (let slot = 0; slot < count; slot++) {
      expect(Buffer.from(captured.key(slot)).toString()).toBe(`${slot}`);
    }
    expect(Buffer.from(bench.slots.key(freed)).toString()).toBe('new+');
    expect(bench.slots.isKey(bytes('xnew+'), 1, 5, freed)).toBe(true);
    expect(bench.slots.isKey(bytes('xnew+'), 1, 4, freed)).toBe(false);
    expect(bench.slots.compareKey(bytes('new'), freed)).toBeLessThan(0);
  });
});
