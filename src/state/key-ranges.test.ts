import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPrefixRange, prefixRange, rangeHolds } from './key-ranges.ts';

describe('key ranges', () => {
  it('the range of a prefix holds the keys that begin with it, and no others', () => {
    const some = fc.array(fc.constantFrom(0, 1, 254, 255), { maxLength: 4 });
    fc.assert(
      fc.property(some, some, (prefix, key) => {
        const begins = prefix.every((byte, i) => key[i] === byte);
        const range = prefixRange(Uint8Array.from(prefix));
        expect(rangeHolds(range, Uint8Array.from(key))).toBe(begins);
        expect(isPrefixRange(range)).toBe(true);
      }),
    );
  });

  it('does not change the prefix, not even one in a Buffer', () => {
    const prefix = Buffer.from('ab');
    expect(prefixRange(prefix).end).toEqual(new Uint8Array(Buffer.from('ac')));
    expect(prefix.toString()).toBe('ab');
  });

  it('other ranges are told apart', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((letter) => new Uint8Array(Buffer.from(letter)));
    expect(isPrefixRange({ start: a! })).toBe(false);
    expect(isPrefixRange({ start: a!, end: c! })).toBe(false);
    expect(isPrefixRange({ start: a!, end: b! })).toBe(true);
    expect(isPrefixRange({ start: a!, end: new Uint8Array(0) })).toBe(false);
    expect(rangeHolds({ start: a! }, a!)).toBe(true);
    expect(rangeHolds({ start: a! }, b!)).toBe(false);
    expect(rangeHolds({ start: b!, end: a! }, b!)).toBe(false);
  });
});
