/** Goal: the first place at which two values part is named, with both values, for every kind that has an inside. */
import { expect, it } from 'vitest';
import { differenceText, firstDifference } from './first-difference.ts';

it.each<[unknown, unknown, string]>([
  [1, 2, '1 and 2'],
  [{ a: [1, { b: 5 }] }, { a: [1, { b: 7 }] }, 'at .a[1].b: 5 and 7'],
  [{ 'a 1': 1 }, { 'a 1': '1' }, 'at ["a 1"]: 1 and \'1\''],
  [{ a: 1, b: 2 }, { a: 1 }, 'at .b: 2 and nothing'],
  [[1], [1, undefined], 'at [1]: nothing and undefined'],
  [new Map([['k', { n: 1 }]]), new Map([['k', { n: 2 }]]), "at .get('k').n: 1 and 2"],
  [new Map([['k', 1]]), new Map(), "at .get('k'): 1 and nothing"],
  [{ s: new Set([1]) }, { s: new Set([2]) }, 'at .s: Set(1) { 1 } and Set(1) { 2 }'],
  [[], {}, '[] and {}'],
  [{ d: new Date(0) }, { d: new Date(1) }, '1970-01-01T00:00:00.000Z and 1970-01-01T00:00:00.001Z'],
  [{ bytes: Buffer.from('ab') }, { bytes: Buffer.from('ac') }, 'at .bytes[1]: 98 and 99'],
  [{ go: () => 1 }, { go: () => 1 }, 'at .go: a function and a function. A function is equal only'],
])('%j and %j', (left, right, text) => {
  const difference = firstDifference(left, right);
  expect(difference === undefined ? '' : differenceText(difference)).toContain(text);
});

it('knows nothing of values that are equal', () => {
  expect(firstDifference({ a: new Map([[1, [NaN]]]) }, { a: new Map([[1, [NaN]]]) })).toBe(
    undefined,
  );
});

it('ends in a value that holds itself', () => {
  const knot = (n: number): object => {
    const one: { self?: object; n: number } = { n };
    one.self = one;
    return one;
  };
  expect(firstDifference(knot(1), knot(2))).toMatchObject({ path: expect.stringMatching(/n$/) });
});
