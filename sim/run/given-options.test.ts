/** Goal: what was typed is read as it was meant, or refused in one line that names it and says what to do. */
import { expect, it } from 'vitest';
import { givenOptions, UsageError } from './given-options.ts';

const KINDS = { seeds: 'text', threads: 'text', json: 'flag', 'no-shrink': 'flag' } as const;

it('takes options and names in any order', () => {
  const { texts, flags, names } = givenOptions(
    ['N-1', '--seeds=1..2', '--json', 'N-2', '--threads', '-1', '-h', '--no-shrink', '--json'],
    KINDS,
  );
  expect([...texts]).toEqual([
    ['seeds', '1..2'],
    ['threads', '-1'],
  ]);
  expect([...flags]).toEqual(['json', 'help', 'no-shrink']);
  expect(names).toEqual(['N-1', 'N-2']);
});

it.each([
  [['--sedes', '1'], 'there is no option --sedes: did you mean --seeds?'],
  [['--frobnicate'], 'there is no option --frobnicate: leave it out'],
  [['--constructor'], 'there is no option --constructor: leave it out'],
  [['-x'], 'there is no option -x: leave it out'],
  [['--seeds'], '--seeds needs a value: give it after the name'],
  [['--seeds', '--json'], '--seeds needs a value: give it after the name'],
  [['--json=yes'], '--json takes no value: leave out "yes"'],
  [['--seeds', '1', '--seeds', '2'], '--seeds is given twice: give it once'],
  [['--json', '--', 'N-1'], '-- means nothing here: leave it out'],
])('refuses %j in one line', (args, message) => {
  expect(() => givenOptions(args, KINDS)).toThrow(new UsageError(message));
});
