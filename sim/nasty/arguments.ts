/**
 * What `npm run sim -- --nasty` can be told. A name that is no scenario is refused before anything is played:
 * a list of which one was left out by mistake is no proof of anything.
 */
import { whole } from '../run/arguments.ts';
import { givenOptions, UsageError } from '../run/given-options.ts';

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
const KINDS = { seed: 'text', trace: 'flag', 'stop-at-first': 'flag', json: 'flag' } as const;

export const NASTY_USAGE: string = `usage: npm run sim -- --nasty [N-1 ...] [--seed N] [--trace] [--stop-at-first] [--json]

  N-1 ...           which scenarios (default: all)
  --seed N          one seed in place of 1..${SEEDS_EACH}; seeds vary latencies and dice, never what a script does
  --trace           prints all that happens (for one scenario and one seed; not with --json)
  --stop-at-first   ends with the first scenario that fails
  --json            one JSON object at the end in place of text
`;

/** `numbers`: of all scenarios that there are. @throws UsageError. */
export function parseNastyArguments(
  args: readonly string[],
  numbers: readonly number[],
): NastyArguments | 'help' {
  const { texts, flags, names } = givenOptions(args, KINDS);
  if (flags.has('help')) return 'help';
  const named = names.map((name) => scenarioNumber(name, numbers));
  const scenarios = named.length === 0 ? numbers : numbers.filter((one) => named.includes(one));
  const seed = texts.get('seed');
  const seeds =
    seed === undefined
      ? Array.from({ length: SEEDS_EACH }, (_, at) => at + 1)
      : [whole('--seed', seed, 0, SEED_MAX)];
  if (flags.has('trace')) checkTrace(scenarios, seeds, flags);
  return {
    scenarios,
    seeds,
    trace: flags.has('trace'),
    stopAtFirst: flags.has('stop-at-first'),
    json: flags.has('json'),
  };
}

function checkTrace(
  [scenario, ...more]: readonly number[],
  seeds: readonly number[],
  flags: ReadonlySet<string>,
): void {
  if (flags.has('json'))
    throw new UsageError('--trace and --json exclude each other: give one of them');
  if (more.length === 0 && seeds.length === 1) return;
  throw new UsageError(
    `--trace is for one scenario and one seed: give them, as in N-${scenario} --seed 1 --trace`,
  );
}

function scenarioNumber(name: string, numbers: readonly number[]): number {
  const number = Number(/^N-([1-9]\d*)$/.exec(name)?.[1]);
  if (numbers.includes(number)) return number;
  const meant = Number(/^n?-?(\d+)$/i.exec(name)?.[1]);
  const [first, last] = [numbers[0], numbers.at(-1)];
  const advice = numbers.includes(meant)
    ? `did you mean N-${meant}?`
    : `there are N-${first} to N-${last}`;
  throw new UsageError(`${name} is no scenario: ${advice}`);
}
