/**
 * Whatever lengths are asked for, one behind the other, the reader gives what lies there, reads each byte once
 * and never twice into memory that is still to be looked at.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { STORAGE_READ_BYTES } from '../limits.ts';
import { type ByteSource, ForwardReader } from './forward-reader.ts';

const SIZE = 3 * STORAGE_READ_BYTES + 4321;
const BYTES = Buffer.alloc(SIZE);
for (let at = 0; at + 4 <= SIZE; at += 4) BYTES.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);

interface Counted extends ByteSource {
  readonly reads: { readonly position: number; readonly length: number }[];
  /** How often the memory that was offered was used. */
  reused: number;
}

function countedSource(size = SIZE): Counted {
  const source: Counted = {
    size,
    reads: [],
    reused: 0,
    read: async (position, length, into) => {
      source.reads.push({ position, length });
      await new Promise((resolve) => setImmediate(resolve));
      if (into === undefined) return Uint8Array.from(BYTES.subarray(position, position + length));
      source.reused++;
      into.set(BYTES.subarray(position, position + length));
      return into.subarray(0, length);
    },
  };
  return source;
}

function expected(at: number, length: number, size = SIZE): Buffer {
  const bytes = Buffer.alloc(length);
  BYTES.copy(bytes, 0, Math.min(at, size), Math.min(at + length, size));
  return bytes;
}

it('gives what lies there, whatever lengths are asked for', async () => {
  const lengths = fc.oneof(
    fc.integer({ min: 1, max: 200 }),
    fc.integer({ min: 1, max: 300_000 }),
    fc.integer({ min: STORAGE_READ_BYTES - 50, max: 2 * STORAGE_READ_BYTES + 50 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(5_000), fc.array(lengths, { maxLength: 12 }), async (from, asked) => {
      const source = countedSource();
      const reader = new ForwardReader(source, from);
      let at = from;
      for (const length of asked) {
        // A head first, then the whole: as records are read.
        const head = await reader.take(at, Math.min(48, length));
        expect(head.equals(expected(at, head.length))).toBe(true);
        const seen = reader.peek(at, length);
        const whole = seen ?? (await reader.take(at, length));
        expect(whole.equals(expected(at, length))).toBe(true);
        at += length;
      }
      await reader.end();
      let end = from;
      for (const { position, length } of source.reads) {
        expect(position).toBe(end);
        end += length;
      }
    }),
    { numRuns: 60 },
  );
});

it('reads over what is not needed any more', async () => {
  const source = countedSource();
  const reader = new ForwardReader(source, 0);
  for (let at = 0; at + 1000 <= SIZE; at += 1000) {
    const bytes = reader.peek(at, 1000) ?? (await reader.take(at, 1000));
    expect(bytes.equals(expected(at, 1000))).toBe(true);
  }
  await reader.end();
  expect(source.reused).toBeGreaterThan(0);
});

it('gives zeros behind the end of the file', async () => {
  const reader = new ForwardReader(countedSource(1000), 900);
  expect((await reader.take(900, 150)).equals(expected(900, 150, 1000))).toBe(true);
  expect((await reader.take(1040, 60)).equals(Buffer.alloc(60))).toBe(true);
  await reader.end();
});

it('tells of a read ahead that failed when its bytes are asked for, and else nobody', async () => {
  const source = countedSource();
  const broken: ByteSource = {
    size: SIZE,
    read: (position, length) =>
      position === 0 ? source.read(position, length) : Promise.reject(new Error('a bad sector')),
  };
  const reader = new ForwardReader(broken, 0);
  expect((await reader.take(0, 100)).equals(expected(0, 100))).toBe(true);
  await expect(reader.take(100, STORAGE_READ_BYTES)).rejects.toThrow('a bad sector');
  const other = new ForwardReader(broken, 0);
  await other.take(0, 100);
  await other.end();
});
