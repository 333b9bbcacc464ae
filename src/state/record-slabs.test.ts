import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SLAB_BYTES, SLAB_RECORD_BYTES_MAX } from '../limits.ts';
import { type RecordRef, RecordSlabs } from './record-slabs.ts';
import { bytes } from './state.fixture.ts';

const NUMBERS = { createRevision: 1, modRevision: 2, version: 3 };

function write(slabs: RecordSlabs, key: string, valueBytes: number): RecordRef {
  return slabs.write({ key: bytes(key), value: new Uint8Array(valueBytes).fill(7), ...NUMBERS });
}

describe('record slabs', () => {
  it('a record is read as it was written, however large', () => {
    const slabs = new RecordSlabs();
    const sizes = [0, 1, 7, 8, 300, SLAB_RECORD_BYTES_MAX - 64, SLAB_RECORD_BYTES_MAX, 1_000_000];
    const written = sizes.map((size) => ({ size, ref: write(slabs, `key ${size}`, size) }));
    for (const { size, ref } of written) {
      const { key, value, ...numbers } = slabs.item(ref);
      expect({ key, numbers }).toEqual({ key: bytes(`key ${size}`), numbers: NUMBERS });
      // Not by `toEqual`, which takes seconds for a megabyte.
      expect(Buffer.alloc(size, 7).equals(value)).toBe(true);
      expect(slabs.item(ref, true).value).toEqual(bytes(''));
      expect(slabs.payloadBytes(ref)).toBe(size + `key ${size}`.length);
    }
  });

  it('revisions and versions are safe integers, all the way up', () => {
    const slabs = new RecordSlabs();
    const large = Number.MAX_SAFE_INTEGER;
    const numbers = { createRevision: large - 2, modRevision: large - 1, version: large };
    const ref = slabs.write({ key: bytes('k'), value: bytes('v'), ...numbers });
    expect(slabs.item(ref)).toMatchObject(numbers);
  });

  it('compares keys in byte order', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 4 }),
        fc.uint8Array({ minLength: 1, maxLength: 4 }),
        (a, b) => {
          const slabs = new RecordSlabs();
          const ref = slabs.write({ key: b, value: bytes('behind the key'), ...NUMBERS });
          expect(Math.sign(slabs.compareKey(a, ref))).toBe(Buffer.compare(a, b));
        },
      ),
    );
  });

  it('what is handed out is a copy', () => {
    const slabs = new RecordSlabs();
    const key = bytes('key');
    const ref = slabs.write({ key, value: bytes('value'), ...NUMBERS });
    key[0] = 0;
    slabs.item(ref).value[0] = 0;
    expect(slabs.item(ref)).toMatchObject({ key: bytes('key'), value: bytes('value') });
  });

  it('memory of released records is given back: at once when nothing is left, else by moving', () => {
    const slabs = new RecordSlabs();
    let refs = Array.from({ length: 8_000 }, (_, i) => write(slabs, `k${i}`, 256));
    const full = slabs.heldBytes;
    expect(full).toBeLessThan(8_000 * 310 + SLAB_BYTES);
    // Every fourth stays.
    const alive = new Set(refs.filter((_, i) => i % 4 === 0));
    for (const ref of refs) if (!alive.has(ref)) slabs.release(ref);
    expect(slabs.heldBytes).toBe(full);
    refs = [];
    slabs.compact(Number.POSITIVE_INFINITY, (ref) => {
      if (!alive.has(ref)) return;
      refs.push(slabs.write(slabs.item(ref)));
      slabs.release(ref);
    });
    expect(slabs.heldBytes).toBeLessThan(full / 2);
    const moved = refs.map((ref) => Buffer.from(slabs.key(ref)).toString());
    // What was in the slab that is still being filled has not been moved.
    expect(moved.length).toBeGreaterThan(1_000);
    expect(new Set(moved).size).toBe(moved.length);
    const large = write(slabs, 'large', 500_000);
    const held = slabs.heldBytes;
    slabs.release(large);
    expect(slabs.heldBytes).toBeLessThan(held - 500_000 + 1);
  });

  it('a slab that became empty is let go of, also where nothing had to be moved', () => {
    const slabs = new RecordSlabs();
    const refs = Array.from({ length: 16_000 }, (_, i) => write(slabs, `k${i}`, 256));
    slabs.capture();
    for (const [i, ref] of refs.entries()) if (i % 3 !== 0) slabs.release(ref);
    expect(slabs.sparseSlabs).toBeGreaterThan(5);
    for (const [i, ref] of refs.entries()) if (i % 3 === 0) slabs.release(ref);
    expect(slabs.heldBytes).toBe(SLAB_BYTES);
    expect(slabs.sparseSlabs).toBe(0);
  });

  it('moving stops at its bound and goes on the next time', () => {
    const slabs = new RecordSlabs();
    const refs = Array.from({ length: 16_000 }, (_, i) => write(slabs, `k${i}`, 256));
    const alive = new Set(refs.filter((_, i) => i % 4 === 0));
    for (const ref of refs) if (!alive.has(ref)) slabs.release(ref);
    const before = slabs.heldBytes;
    const move = (ref: RecordRef): void => {
      if (!alive.delete(ref)) return;
      alive.add(slabs.write(slabs.item(ref)));
      slabs.release(ref);
    };
    slabs.compact(1, move);
    expect(slabs.heldBytes).toBeLessThanOrEqual(before);
    expect(slabs.heldBytes).toBeGreaterThan(before - 2 * SLAB_BYTES);
    for (let i = 0; i < 20; i++) slabs.compact(1, move);
    expect(slabs.heldBytes).toBeLessThan(before / 2);
  });

  it('who captured the records reads them, whatever becomes of them', () => {
    const slabs = new RecordSlabs();
    const refs = Array.from({ length: 5_000 }, (_, i) => write(slabs, `k${i}`, 256));
    const captured = slabs.capture();
    for (const ref of refs) slabs.release(ref);
    for (let i = 0; i < 5_000; i++) write(slabs, `other${i}`, 300);
    for (const [i, ref] of refs.entries()) {
      expect(Buffer.from(captured.key(ref)).toString()).toBe(`k${i}`);
    }
  });

  it('memory that is used again belongs to nobody: who captured reads on, sparse ones are forgotten', () => {
    const slabs = new RecordSlabs();
    let alive: RecordRef[] = [];
    for (let round = 0; round < 7; round++) {
      const refs = Array.from({ length: 4_000 }, (_, i) => write(slabs, `k${round} ${i}`, 256));
      const captured = round % 3 === 0 ? slabs.capture() : undefined;
      // The first half makes slabs sparse, the second drops them: they stand in both lists.
      for (const ref of alive.filter((_, i) => i % 2 === 0)) slabs.release(ref);
      for (const ref of alive.filter((_, i) => i % 2 === 1)) slabs.release(ref);
      const next = Array.from({ length: 2_000 }, (_, i) => write(slabs, `n${round} ${i}`, 256));
      const moved: RecordRef[] = [];
      const left = new Set([...refs, ...next]);
      slabs.compact(Number.POSITIVE_INFINITY, (ref) => {
        if (!left.delete(ref)) return;
        moved.push(slabs.copy(ref));
        slabs.release(ref);
      });
      expect(moved).toEqual([]);
      alive = [...refs, ...next];
      const isRead = ([i, ref]: [number, RecordRef]): boolean => {
        const key = bytes(i < 4_000 ? `k${round} ${i}` : `n${round} ${i - 4_000}`);
        const isCaptured = i >= 4_000 || (captured?.isKey(key, 0, key.length, ref) ?? true);
        return isCaptured && slabs.isKey(key, 0, key.length, ref);
      };
      expect([...alive.entries()].every(isRead)).toBe(true);
    }
  });

  it('releasing more than was written is a bug, and says so', () => {
    const slabs = new RecordSlabs();
    const ref = write(slabs, 'k', 10);
    slabs.release(ref);
    expect(() => slabs.release(ref)).toThrow(expect.objectContaining({ code: 'INVARIANT' }));
  });
});
