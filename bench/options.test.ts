/** Goal: what was asked for is measured, or nothing. Method: argument lists, right and wrong. */
import { expect, it } from 'vitest';
import { BENCHMARKS, SELECTIONS } from './command.ts';
import { type Options, parseOptions } from './options.ts';

const parse = (...args: string[]) => parseOptions(args, BENCHMARKS, SELECTIONS);

function options(...args: string[]): Options {
  const parsed = parse(...args);
  if (!('options' in parsed)) throw new Error(JSON.stringify(parsed));
  return parsed.options;
}

const names = (...args: string[]): string[] => options(...args).benchmarks.map(({ name }) => name);

it('measures a selection when nothing is named, and each benchmark once', () => {
  expect(names()).toEqual(['limits', 'core', 'writes', 'reads', 'embedded']);
  expect(names('core', 'short', 'core')[0]).toBe('core');
  expect(names('core', 'short', 'core')).toHaveLength(5);
  expect(names('full')).toHaveLength(BENCHMARKS.length);
});

it('prepares, and measures nothing', () => {
  expect(parse('--prepare')).toEqual({ prepare: true });
});

it('takes five rounds of what is named', () => {
  expect(options('core').rounds).toBe(5);
  expect(options('peers').rounds).toBe(5);
  const given = options('soak', '--minutes', '60', '--rounds=7', '--seconds', '0.5', '--json', 'f');
  expect(given).toMatchObject({ minutes: 60, rounds: 7, seconds: 0.5, jsonFile: 'f' });
});

it.each([
  [['nonsense'], 'there is no benchmark nonsense; there are: short, peers, full, limits'],
  [['--round', '3'], "Unknown option '--round'"],
  [['--rounds', 'x'], '--rounds is a whole number from 1 to 1000'],
  [['--rounds', '0'], '--rounds is a whole number from 1 to 1000'],
  [['--seconds', '0'], '--seconds is a number above 0, at most 600'],
  [['--warm=-1'], '--warm is a number from 0 to 600'],
  [['--minutes', ''], '--minutes is a number above 0, at most 1440'],
  [['--prepare', 'core'], '--prepare stands alone'],
  [['--json', ''], '--json is the name of a file'],
])('refuses %j', (args, mistake) => {
  expect(parse(...args)).toEqual({ mistake: expect.stringContaining(mistake) });
});

it('explains every benchmark and selection', () => {
  const parsed = parse('--help');
  for (const { name, about } of [...BENCHMARKS, ...SELECTIONS]) {
    expect('help' in parsed && parsed.help).toContain(name);
    expect(about).not.toBe('');
  }
});
