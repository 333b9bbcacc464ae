/** Goal: the scenarios that were named are played and no others, and what is no scenario is refused by name. */
import { expect, it } from 'vitest';
import { UsageError } from '../run/given-options.ts';
import { NASTY_USAGE, parseNastyArguments } from './arguments.ts';

const NUMBERS = [1, 2, 3, 4];

it('plays all of them, with five seeds, unless told otherwise', () => {
  expect(parseNastyArguments([], NUMBERS)).toEqual({
    scenarios: NUMBERS,
    seeds: [1, 2, 3, 4, 5],
    trace: false,
    stopAtFirst: false,
    json: false,
  });
});

it('takes names before and after flags, each once, in the order of the list', () => {
  const args = ['N-4', '--seed', '9', 'N-2', 'N-4', '--json', '--stop-at-first'];
  expect(parseNastyArguments(args, NUMBERS)).toEqual({
    scenarios: [2, 4],
    seeds: [9],
    trace: false,
    stopAtFirst: true,
    json: true,
  });
  expect(parseNastyArguments(['-h'], NUMBERS)).toBe('help');
  const traced = parseNastyArguments(['--trace', 'N-2', '--seed', '9'], NUMBERS);
  expect(traced).toMatchObject({ scenarios: [2], seeds: [9], trace: true });
});

it.each([
  [['N-5'], 'N-5 is no scenario: there are N-1 to N-4'],
  [['n-1'], 'n-1 is no scenario: did you mean N-1?'],
  [['N-01'], 'N-01 is no scenario: did you mean N-1?'],
  [['1'], '1 is no scenario: did you mean N-1?'],
  [['7'], '7 is no scenario: there are N-1 to N-4'],
  [['N-1', 'N-0'], 'N-0 is no scenario'],
  [['--seed', 'x'], '--seed x: give a whole number from 0'],
  [['--seed', '1..3'], '--seed 1..3: give a whole number'],
  [['--seed'], '--seed'],
  [['--seeds', '1'], '--seeds'],
  [['--tarce'], 'there is no option --tarce: did you mean --trace?'],
  [['N-1', '--trace'], '--trace is for one scenario and one seed: give them, as in N-1 --seed 1'],
  [['--seed', '1', '--trace'], '--trace is for one scenario'],
  [['N-1', '--seed', '1', '--trace', '--json'], '--trace and --json exclude each other'],
])('refuses %j', (args, message) => {
  expect(() => parseNastyArguments(args, NUMBERS)).toThrow(UsageError);
  expect(() => parseNastyArguments(args, NUMBERS)).toThrow(message);
});

it('names each option in its usage', () => {
  for (const flag of ['N-1', '--seed', '--trace', '--stop-at-first', '--json']) {
    expect(NASTY_USAGE).toContain(`\n  ${flag} `);
  }
});
