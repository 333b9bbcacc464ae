import { describe, expect, it } from 'vitest';
import { badField, checkFields, shown, textOf } from './given.ts';

describe('what was given', () => {
  it('is shown as it was written, and cut', () => {
    const cases: [unknown, string][] = [
      ['x"y', '"x\\"y"'],
      [1n, '1n'],
      [Number.NaN, 'NaN'],
      [null, 'null'],
      [undefined, 'undefined'],
      [[1], 'a list'],
      [{ toString: null }, 'an object'],
      [Promise.resolve(), 'a promise'],
      [Buffer.from('a'), 'a Uint8Array'],
      [new Uint16Array(1), 'a Uint16Array'],
      [() => 1, 'a function'],
      [Symbol('s'), 'Symbol(s)'],
    ];
    for (const [value, words] of cases) expect(shown(value)).toBe(words);
    expect(shown('a'.repeat(1_000)).length).toBeLessThan(80);
  });

  it('is told in its own words when it was thrown, and never throws again', () => {
    const silent = Object.defineProperty(new Error(), 'message', {
      get: () => {
        throw new Error('no');
      },
    });
    const cases: [unknown, string][] = [
      [new TypeError('x is odd'), 'x is odd'],
      ['text', 'text'],
      [undefined, 'undefined'],
      [Symbol('s'), 'Symbol(s)'],
      [Object.create(null), 'something without a text form'],
      [{ toString: null, valueOf: null }, 'something without a text form'],
      [silent, 'something without a text form'],
    ];
    for (const [thrown, words] of cases) expect(textOf(thrown)).toBe(words);
  });

  it('is named with its field and what to give instead', () => {
    expect(badField('key', 5, 'a string')).toMatchObject({
      code: 'REQUEST_INVALID',
      message: 'key is 5: give a string',
      details: { field: 'key' },
    });
    expect(badField('key', undefined, 'a string').message).toBe('key is missing: give a string');
  });

  it('has known fields only, and the near one is named', () => {
    const known = new Set(['timeoutMs', 'signal']);
    checkFields('options', { timeoutMs: 1, other: undefined }, known);
    for (const wrong of [null, 5, 'x', [], undefined]) {
      expect(() => checkFields('options', wrong, known)).toThrow(/^options is .*give an object/);
    }
    expect(() => checkFields('options', { timeout: 1 }, known)).toThrow(
      expect.objectContaining({
        code: 'REQUEST_INVALID',
        message: 'options has no field "timeout": did you mean timeoutMs?',
      }),
    );
    expect(() => checkFields('options', { qqqqqq: 1 }, known)).toThrow(
      /known are timeoutMs, signal/,
    );
  });
});
