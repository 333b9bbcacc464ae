/** The store by itself: what a transaction did is undone to the last byte, and what was captured stays. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvStore } from './kv-store.ts';
import { ALL, bytes, text } from './state.fixture.ts';
import { NO_SLOT, TreeCursor } from './tree-nodes.ts';
import type { KeyValue } from './types.ts';

const WIDE = { bytesMax: 1_000_000_000, limit: 1_000_000 };

/** In a word: `toEqual` takes its time with long values. */
function seen({ key, value, ...numbers }: KeyValue): string {
  return `${text(key)} ${value.length} ${value[0]} ${value.at(-1)} ${JSON.stringify(numbers)}`;
}

function items(store: KvStore): unknown {
  return store.range(ALL, WIDE).items.map(seen);
}

/** As a snapshot reads it. */
function captured(store: KvStore): () => unknown[] {
  const { slots, root, count } = store.capture();
  return () => {
    const items: unknown[] = [];
    const cursor = new TreeCursor(root, ALL.start, slots);
    for (let slot = cursor.next(); slot !== NO_SLOT; slot = cursor.next()) {
      items.push(seen(slots.records.item(slots.ref(slot))));
    }
    expect(items).toHaveLength(count);
    return items;
  };
}

const key = fc.nat({ max: 60 }).map((number) => bytes(`k${number}`));
const write = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('put'), start: key, end: key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete'), start: key, end: key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deleteRange'), start: key, end: key }) },
);
type Write = typeof write extends fc.Arbitrary<infer T> ? T : never;

describe('the store', () => {
  it('undoes a transaction, keeps another, and lets those who captured it read on', () => {
    const transaction = fc.record({
      before: fc.array(write, { maxLength: 20 }),
      inside: fc.array(write, { maxLength: 20 }),
      end: fc.constantFrom('keep', 'undo'),
    });
    fc.assert(
      fc.property(fc.array(transaction, { minLength: 1, maxLength: 8 }), (transactions) => {
        const store = new KvStore();
        let revision = 0;
        const run = ({ kind, start, end }: Write): void => {
          revision++;
          const value = new Uint8Array(2_000).fill(revision % 256);
          if (kind === 'put') store.put(start, value, revision);
          else store.delete(kind === 'delete' ? { start } : { start, end }, () => {});
        };
        for (const { before, inside, end } of transactions) {
          for (const step of before) run(step);
          const snapshot = captured(store);
          const whole = items(store);
          const { liveBytes } = store;
          store.begin();
          for (const step of inside) run(step);
          const after = items(store);
          store[end as 'keep' | 'undo']();
          expect(items(store)).toEqual(end === 'undo' ? whole : after);
          if (end === 'undo') expect(store.liveBytes).toBe(liveBytes);
          store.tidy();
          expect(snapshot()).toEqual(whole);
          for (const { key } of store.range(ALL, WIDE).items) expect(store.find(key)).toBeDefined();
        }
        store.delete(ALL, () => {});
        expect(store.liveBytes).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('moves the records of sparse slabs, and finds each key where it is then', () => {
    const store = new KvStore();
    const value = new Uint8Array(1_000).fill(1);
    for (let number = 0; number < 4_000; number++)
      store.put(bytes(`k${number}`), value, number + 1);
    const held = store.heldBytes;
    // Two of three are written anew: what the old slabs hold is then less than half alive.
    for (let number = 0; number < 4_000; number++) {
      if (number % 3 > 0) store.put(bytes(`k${number}`), bytes('new'), 4_001 + number);
    }
    for (let round = 0; round < 20; round++) store.tidy();
    expect(store.heldBytes).toBeLessThan((held * 2) / 3);
    for (let number = 0; number < 4_000; number++) {
      const ref = store.find(bytes(`k${number}`)) as number;
      const item = store.records.item(ref);
      expect(text(item.key)).toBe(`k${number}`);
      expect(item.value.length).toBe(number % 3 > 0 ? 3 : 1_000);
      expect(item.version).toBe(number % 3 > 0 ? 2 : 1);
    }
  });
});
