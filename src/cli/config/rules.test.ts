/** The rules of a configuration's shape: what is read, and that all mistakes are told at once, each by its place. */
import { describe, expect, it } from 'vitest';
import {
  group,
  list,
  oneOf,
  optional,
  or,
  readGroup,
  type SchemaIssue,
  text,
  whole,
} from './rules.ts';

const NAMES = text(/^[a-z]+$/);
const RULES = {
  name: NAMES,
  nick: optional(NAMES),
  size: or(3, whole(1, 5)),
  colour: or('red', oneOf('red', 'blue')),
  parts: optional(list(group({ id: NAMES, at: optional(whole(0, 9)) }), 2)),
  more: or({}, group({ depth: or(7, whole(0, 9)) })),
};

function read(given: unknown): { readonly value: unknown; readonly issues: readonly string[] } {
  const issues: SchemaIssue[] = [];
  const value = readGroup(RULES, given, [], issues);
  return { value, issues: issues.map(({ kind, path }) => `${kind} ${path.join('.')}`) };
}

describe('rules', () => {
  it('fill in what is not given, down to groups that are not there', () => {
    const value = { name: 'x', size: 3, colour: 'red', more: { depth: 7 } };
    expect(read({ name: 'x' })).toEqual({ value, issues: [] });
    expect(read({ name: 'x', size: undefined, more: {} })).toEqual({ value, issues: [] });
  });

  it('take what is given', () => {
    const given = {
      name: 'x',
      nick: 'y',
      size: 5,
      colour: 'blue',
      parts: [{ id: 'a' }, { id: 'b', at: 0 }],
      more: { depth: 0 },
    };
    expect(read(given)).toEqual({ value: given, issues: [] });
  });

  it.each([
    ['nothing', {}, ['missing name']],
    ['no group at all', [], ['invalid ']],
    ['null in the place of a value', { name: null }, ['invalid name']],
    ['null in the place of a group', { name: 'x', more: null }, ['invalid more']],
    ['a list in the place of a group', { name: 'x', more: [] }, ['invalid more']],
    ['a number that is none', { name: 'x', size: '3' }, ['invalid size']],
    ['a number that is not whole', { name: 'x', size: 2.5 }, ['invalid size']],
    ['a number out of bounds', { name: 'x', size: 6 }, ['invalid size']],
    ['another word', { name: 'x', colour: 'green' }, ['invalid colour']],
    ['an empty list', { name: 'x', parts: [] }, ['invalid parts']],
    ['a list that is too long', { name: 'x', parts: [1, 2, 3] }, ['invalid parts']],
    [
      'names that every object has',
      JSON.parse('{"name":"x","__proto__":1}'),
      ['unknown-key __proto__'],
    ],
    [
      'many mistakes at once',
      { nick: 1, parts: [{ at: 10, to: 1 }, 'b'], other: 1 },
      [
        'missing name',
        'invalid nick',
        'missing parts.0.id',
        'invalid parts.0.at',
        'unknown-key parts.0.to',
        'invalid parts.1',
        'unknown-key other',
      ],
    ],
  ])('name %s', (_, given, issues) => {
    expect(read(given).issues).toEqual(issues);
  });
});
