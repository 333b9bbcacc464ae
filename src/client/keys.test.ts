/** That text becomes its UTF-8 by whichever way it goes, and comes back; and what is refused. */
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toBytes, toText } from './keys.ts';

describe('toBytes', () => {
  it('is the UTF-8 of the text, short or long, ASCII or not', () => {
    const ascii = fc.string({ unit: 'binary-ascii', maxLength: 100 });
    const any = fc.string({ unit: 'grapheme', maxLength: 100 });
    fc.assert(
      fc.property(fc.oneof(ascii, any), (text) => {
        const bytes = toBytes(text, 'key');
        expect(Buffer.from(bytes).equals(Buffer.from(text, 'utf8'))).toBe(true);
        expect(toText(bytes)).toBe(text);
      }),
    );
  });

  it('leaves bytes as they are', () => {
    const bytes = new Uint8Array([0xff, 0]);
    expect(toBytes(bytes, 'key')).toBe(bytes);
  });

  it('refuses half a surrogate pair, wherever it stands', () => {
    for (const text of ['\ud800', `k\udfff`, `${'k'.repeat(100)}\ud800k`]) {
      const refusal = expect.objectContaining({ code: 'REQUEST_INVALID' });
      expect(() => toBytes(text, 'key')).toThrow(refusal);
    }
  });
});
