/**
 * What `npm run sim -- --nasty` can be told. A name that is no scenario is refused before anything is played:
 * a list of which one was left out by mistake is no proof of anything.
 */
import { parseArgs } from 'node:util';

import { UsageError, whole } from '../run/arguments.ts';

export interface NastyArguments {
  /** Numbers: 11 for N-11. All of them when none was named. */
  readonly scenarios: readonly number[];
  readonly seeds: readonly number[];
  /** All that happens, line by line. */
  readonly trace: boolean;
  readonly stopAtFirst: boolean;
  readonly json: boolean;
}

/** A script that works by luck fails with one of them. */
const SEEDS_EACH = 5;
const SEED_MAX = 2 ** 48;

export const NASTY_USAGE: string = `usage: npm run sim -- --nasty [N-1 ...] [--seed N] [--trace] [--stop-at-first] [--json]

  N-1 ...           which scenarios (default: all)
  --seed N          one seed in place of 1..${SEEDS_EACH}; seeds vary latencies and dice, never what a script does
  --trace           prints all that happens (for one scenario and one seed)
  --stop-at-first   ends with the first scenario that fails
  --json            one JSON object at the end in place of text
`;

/** `numbers`: of all scenarios that there are. @throws UsageError. */
export function parseNastyArguments(
  args: readonly string[],
  numbers: readonly number[],
): NastyArguments | 'help' {
  const { values, positionals } = parse(args);
  if (values.help === true) return 'help';
  const named = positionals.map((name) => scenarioNumber(name, numbers));
  return {
    scenarios: named.length === 0 ? numbers : numbers.filter((number) => named.includes(number)),
    seeds:
      values.seed === undefined
        ? Array.from({ length: SEEDS_EACH }, (_, at) => at + 1)
        : [whole('--seed', values.seed, 0, SEED_MAX)],
    trace: values.trace === true,
    stopAtFirst: values['stop-at-first'] === true,
    json: values.json === true,
  };
}

function parse(args: readonly string[]): {
  values: {
    seed?: string;
    trace?: boolean;
    'stop-at-first'?: boolean;
    json?: boolean;
    help?: boolean;
  };
  positionals: string[];
} {
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        seed: { type: 'string' },
        trace: flag,
        'stop-at-first': flag,
        json: flag,
        help: { ...flag, short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function scenarioNumber(name: string, numbers: readonly number[]): number {
  const number = Number(/^N-([1-9]\d*)$/.exec(name)?.[1]);
  if (numbers.includes(number)) return number;
  const [first, last] = [numbers[0], numbers.at(-1)];
  throw new UsageError(`${name} is no scenario: there are N-${first} to N-${last}`);
}
