import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter, compareBytes, copyBytes } from './bytes.ts';

const reader = (bytes: Uint8Array): ByteReader => new ByteReader(bytes, 'CODEC_INVALID', 'thing');

describe('bytes', () => {
  it('whatever is written is read again', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.uint8Array({ maxLength: 600 }),
        (number, wide, blob) => {
          const bytes = new ByteWriter().uint(number).i64(wide).blob(blob).u8(9).finish();
          const back = reader(bytes);
          expect(back.uint('n')).toBe(number);
          expect(back.i64('w')).toBe(wide);
          expect(back.blob('b')).toEqual(new Uint8Array(blob));
          expect(back.u8('last')).toBe(9);
          back.done();
        },
      ),
    );
  });

  it('a number has one encoding, of at most 8 bytes', () => {
    expect(new ByteWriter().uint(0).finish()).toEqual(Uint8Array.of(0));
    expect(new ByteWriter().uint(300).finish()).toEqual(Uint8Array.of(0xac, 2));
    expect(new ByteWriter().uint(Number.MAX_SAFE_INTEGER).length).toBe(8);
    expect(() => reader(Uint8Array.of(0x80, 0)).uint('n')).toThrow(/needless/);
  });

  it('a number above 2^53 - 1 is an error, never a rounding', () => {
    const ones = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    expect(reader(Uint8Array.of(...ones, 0x0f)).uint('n')).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => reader(Uint8Array.of(...ones, 0x10)).uint('n')).toThrow(/2\^53/);
    expect(() => reader(Uint8Array.of(...ones, 0xff, 0x01)).uint('n')).toThrow(/2\^53/);
    for (const wrong of [-1, 1.5, 2 ** 53, Number.NaN]) {
      expect(() => new ByteWriter().uint(wrong)).toThrow(/whole number/);
    }
  });

  it('reads stop at the end that they were given', () => {
    const bytes = new ByteWriter().blob(Uint8Array.of(1, 2, 3)).finish();
    for (let length = 0; length < bytes.length; length++) {
      expect(() => reader(bytes.subarray(0, length)).blob('b')).toThrow(/ends/);
    }
    const part = new ByteReader(bytes, 'REQUEST_INVALID', 'part', 0, 3);
    expect(() => part.blob('b')).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
    expect(() => reader(Uint8Array.of(1, 2)).done()).toThrow(/2 bytes after/);
    expect(() => reader(Uint8Array.of(9)).count('items')).toThrow(/fewer items/);
    expect(() => reader(Uint8Array.of(2)).flag('f')).toThrow(/0 or 1/);
    expect(() => reader(Uint8Array.of(1, 2, 3)).i64('w')).toThrow(/inside w/);
  });

  it('orders as Buffer does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4 }), fc.uint8Array({ maxLength: 4 }), (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
      }),
    );
  });

  it('a copy is a copy, of a Buffer too', () => {
    const original = Buffer.from([1, 2, 3]);
    const copy = copyBytes(original);
    original[0] = 9;
    expect(copy).toEqual(Uint8Array.of(1, 2, 3));
    expect(copy.buffer.byteLength).toBe(3);
  });
});
