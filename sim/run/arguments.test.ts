/** Goal: the command takes what its usage says, and tells what it does not take. */
import { expect, it } from 'vitest';
import { parseArguments, USAGE } from './arguments.ts';
import { UsageError } from './given-options.ts';

it('has a default for everything', () => {
  expect(parseArguments([])).toEqual({
    seeds: { from: 1, to: 20 },
    mode: 'any',
    workload: undefined,
    nodes: undefined,
    threads: undefined,
    twice: false,
    trace: false,
    stopAtFirst: false,
    shrink: true,
    json: false,
  });
});

it('takes ranges, one seed, and seeds that nobody has tried', () => {
  const seedsOf = (...args: string[]): unknown => {
    const wanted = parseArguments(args);
    return wanted === 'help' ? wanted : wanted.seeds;
  };
  expect(seedsOf('--seeds', '5..9')).toEqual({ from: 5, to: 9 });
  expect(seedsOf('--seeds', '7')).toEqual({ from: 7, to: 7 });
  expect(seedsOf('--help')).toBe('help');
  const { from, to } = seedsOf('--fresh', '10') as { from: number; to: number };
  expect(to - from).toBe(9);
  expect(from).toBeGreaterThan(1_000_000);
});

it.each([
  [['--seeds', '9..1'], 'ends before it begins'],
  [['--seeds', 'a..b'], 'give a range such as 1..200'],
  [['--seeds', '1', '--fresh', '1'], '--seeds and --fresh exclude each other'],
  [['--fresh', '0'], '--fresh 0: give a whole number from 1'],
  [['--mode', 'worst'], '--mode worst: give one of any, calm'],
  [['--workload', 'w'], '--workload w: give one of'],
  [['--nodes', '12'], '--nodes 12: give a whole number from 1 to 9'],
  [['--threads', '-1'], '--threads'],
  [['--sedes', '1'], 'there is no option --sedes: did you mean --seeds?'],
  [['--seeds', '1', '--seeds', '2'], '--seeds is given twice'],
  [['5..9'], '5..9 is no option: did you mean --seeds 5..9?'],
  [['N-7'], 'N-7 is no option: everything is said by options'],
  [['--trace'], '--trace is for one seed, not 1..20: give it, as in --seeds 1'],
  [['--seeds', '3..4', '--trace'], '--trace is for one seed, not 3..4'],
  [['--seeds', '3', '--trace', '--json'], '--trace and --json exclude each other'],
  [['--seeds', '3', '--trace', '--twice'], '--trace and --twice exclude each other'],
  [['--seeds', '1..2', '--nasty'], '--nasty goes first: npm run sim -- --nasty'],
  [['--json', '--mutants', 'm'], '--mutants goes first'],
  [['--seeds', '1', '--versions'], '--versions goes first'],
])('refuses %j', (args, message) => {
  expect(() => parseArguments(args)).toThrow(UsageError);
  expect(() => parseArguments(args)).toThrow(message);
});

it('names each option in its usage', () => {
  const wanted = parseArguments([]) as object;
  for (const name of Object.keys(wanted)) {
    const flag =
      name === 'shrink' ? 'no-shrink' : name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
    expect(USAGE).toContain(`--${flag}`);
  }
  expect(USAGE).toContain('--nasty [N-1 ...] [--seed N] [--trace]');
});
