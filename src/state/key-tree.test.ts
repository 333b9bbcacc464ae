import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes } from './bytes.ts';
import { KeyTree } from './key-tree.ts';
import { type RecordReader, RecordSlabs } from './record-slabs.ts';
import { bytes } from './state.fixture.ts';
import { NO_SLOT, TreeCursor, type TreeNode } from './tree-nodes.ts';

const NUMBERS = { createRevision: 1, modRevision: 1, version: 1 };
const FROM_START = bytes('');

class Bench {
  readonly slabs = new RecordSlabs();
  readonly tree = new KeyTree(this.slabs);

  set(key: string): number {
    const ref = this.slabs.write({ key: bytes(key), value: bytes(''), ...NUMBERS });
    return this.tree.set(bytes(key), ref);
  }

  keys(): string[] {
    return keysOf(this.tree.root, this.slabs);
  }
}

function keysOf(root: TreeNode, records: RecordReader, start = FROM_START): string[] {
  const keys: string[] = [];
  const cursor = new TreeCursor(root, start, records);
  for (let ref = cursor.next(); ref !== NO_SLOT; ref = cursor.next()) {
    keys.push(Buffer.from(records.key(ref)).toString());
  }
  return keys;
}

/** The invariants in the head of key-tree.ts; answers the depth. */
function check(node: TreeNode, records: RecordReader, isRoot = true): number {
  if (!('children' in node)) {
    expect(isRoot || node.slots.length > 0).toBe(true);
    expect(node.slots.length).toBeLessThanOrEqual(64);
    return 1;
  }
  expect(node.children.length).toBeGreaterThanOrEqual(2);
  expect(node.children.length).toBeLessThanOrEqual(64);
  expect(node.keys.length).toBe(node.children.length - 1);
  const depths = node.children.map((child) => check(child, records, false));
  expect(new Set(depths).size).toBe(1);
  const below = node.children.map((child) => keysOf(child, records));
  expect(node.size).toBe(below.flat().length);
  for (const [i, separator] of node.keys.entries()) {
    const last = bytes(below[i]!.at(-1)!);
    const first = bytes(below[i + 1]![0]!);
    expect(compareBytes(last, separator)).toBeLessThan(0);
    expect(compareBytes(separator, first)).toBeLessThanOrEqual(0);
  }
  return depths[0]! + 1;
}

const padded = (i: number): string => String(i).padStart(5, '0');

describe('the tree of keys', () => {
  it('holds what a sorted list holds, and captures stay as they were', () => {
    const operation = fc.record({
      kind: fc.constantFrom('set', 'set', 'delete', 'capture', 'deleteRange'),
      at: fc.nat({ max: 700 }),
      count: fc.nat({ max: 120 }),
    });
    const property = fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const bench = new Bench();
      const model = new Set<string>();
      const captures: { keys: string[]; root: TreeNode; records: RecordReader }[] = [];
      const sorted = (): string[] => [...model].sort();
      for (const { kind, at, count } of operations) {
        if (kind === 'capture') {
          const root = bench.tree.capture();
          captures.push({ keys: sorted(), root, records: bench.slabs.capture() });
        } else if (kind === 'deleteRange') {
          const gone = sorted().filter((key) => key >= padded(at) && key < padded(at + count));
          const removed = bench.tree.deleteRange(bytes(padded(at)), bytes(padded(at + count)));
          expect(removed.length).toBe(gone.length);
          for (const key of gone) model.delete(key);
        } else {
          // In steps that are no multiple of anything, forwards or backwards.
          for (let i = 0; i < count; i++) {
            const key = padded((at + i * 37) % 701);
            const found = kind === 'set' ? bench.set(key) : bench.tree.delete(bytes(key));
            expect(found !== NO_SLOT).toBe(model.has(key));
            if (kind === 'set') model.add(key);
            else model.delete(key);
          }
        }
      }
      expect(bench.keys()).toEqual(sorted());
      expect(bench.tree.size).toBe(model.size);
      check(bench.tree.root, bench.slabs);
      for (const { keys, root, records } of captures) expect(keysOf(root, records)).toEqual(keys);
    });
    fc.assert(property, { numRuns: 150 });
  });

  it('keys that come in order, or backwards, keep it balanced', () => {
    for (const direction of [1, -1]) {
      const bench = new Bench();
      for (let i = 0; i < 6_000; i++) bench.set(padded(direction === 1 ? i : 6_000 - i));
      expect(bench.tree.size).toBe(6_000);
      expect(check(bench.tree.root, bench.slabs)).toBeLessThanOrEqual(3);
    }
  });

  it('finds, counts and goes on from any key, present or not', () => {
    const bench = new Bench();
    for (let i = 0; i < 3_000; i += 3) bench.set(padded(i));
    for (let i = 0; i < 3_000; i += 7) {
      const key = bytes(padded(i));
      expect(bench.tree.find(key) !== NO_SLOT).toBe(i % 3 === 0);
      expect(bench.tree.rank(key)).toBe(Math.ceil(i / 3));
      const rest = keysOf(bench.tree.root, bench.slabs, key);
      expect(rest.length).toBe(1_000 - Math.ceil(i / 3));
      expect(rest[0]).toBe(padded(Math.ceil(i / 3) * 3));
    }
    expect(keysOf(bench.tree.root, bench.slabs, bytes('99999'))).toEqual([]);
  });

  it('is emptied, in any order, and filled again', () => {
    const bench = new Bench();
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 2_000; i++) bench.set(padded((i * 769) % 2_000));
      for (let i = 0; i < 2_000; i++) {
        expect(bench.tree.delete(bytes(padded((i * 1_009) % 2_000)))).not.toBe(NO_SLOT);
        if (i % 100 === 0) check(bench.tree.root, bench.slabs);
      }
      expect(bench.keys()).toEqual([]);
      expect(bench.tree.root).toMatchObject({ slots: [] });
    }
  });

  it('is loaded from a sorted list of any length', () => {
    for (const length of [0, 1, 56, 57, 64, 3_136, 3_137, 3_200]) {
      const bench = new Bench();
      const refs = Array.from({ length }, (_, i) =>
        bench.slabs.write({ key: bytes(padded(i)), value: bytes(''), ...NUMBERS }),
      );
      bench.tree.load(refs);
      expect(bench.keys().length).toBe(length);
      check(bench.tree.root, bench.slabs);
      bench.set('00000x');
      bench.tree.delete(bytes(padded(0)));
      expect(bench.tree.size).toBe(Math.max(length, 1));
    }
  });

  it('goes back to what was captured', () => {
    const bench = new Bench();
    for (let i = 0; i < 500; i++) bench.set(padded(i));
    const before = bench.keys();
    const root = bench.tree.capture();
    bench.tree.deleteRange(bytes(padded(100)), bytes(''));
    bench.set('x');
    bench.tree.revert(root);
    bench.set('y');
    expect(bench.keys()).toEqual([...before, 'y']);
    expect(keysOf(root, bench.slabs)).toEqual(before);
  });
});
