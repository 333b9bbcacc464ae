/**
 * What `npm run sim` can be told. What does not go together is refused by name: an option that is taken and does
 * nothing is a promise that is not kept.
 */
import { MODES } from '../faults/modes.ts';
import { WORKLOADS } from '../workloads/index.ts';
import { givenOptions, UsageError } from './given-options.ts';

export interface SimArguments {
  readonly seeds: { readonly from: number; readonly to: number };
  readonly mode: string;
  readonly workload: string | undefined;
  readonly nodes: number | undefined;
  readonly threads: number | undefined;
  /** Each seed a second time, and the two runs compared. */
  readonly twice: boolean;
  /** All that happens, line by line. */
  readonly trace: boolean;
  readonly stopAtFirst: boolean;
  readonly shrink: boolean;
  /** One JSON object at the end in place of text. */
  readonly json: boolean;
}

export const USAGE: string = `usage: npm run sim -- [--seeds A..B | --fresh N] [--mode M] [--workload W] [--nodes N]
                       [--twice] [--trace] [--no-shrink] [--stop-at-first] [--threads N] [--json]
       npm run sim -- --nasty [N-1 ...] [--seed N] [--trace] [--stop-at-first] [--json]
       npm run sim -- --versions [--seeds A..B]
       npm run sim -- --mutants [DIR] [--only NAME] [--seeds A..B] [--parallel N]
                      [--timeout-seconds N] [--skip-typecheck] [--skip-baseline]
       npm run sim -- --mutants --help

  --seeds A..B      which seeds (default 1..20)
  --fresh N         N seeds that nobody has tried, from the clock; their range is printed
  --mode M          any (default: drawn from the seed), ${Object.keys(MODES).join(', ')}
  --workload W      default: drawn from the seed; ${Object.keys(WORKLOADS).join(', ')}
  --nodes N         machines that found the cluster (default: drawn from the seed)
  --twice           runs each seed twice and compares the two
  --trace           prints all that happens in one seed; not with --json or --twice
  --no-shrink       does not look for the smallest run that still fails
  --stop-at-first   ends at the first violation
  --threads N       default: one for each processor
  --json            one JSON object at the end in place of text
  --nasty           the forty scripted scenarios that broke real systems: those that are named, else all; with
                    one seed in place of five, and all that happens when it is asked for
  --versions        the same seeds under several versions of Node.js (by npx): each must take the same way
  --mutants         plants the faults of a folder (default sim/mutants), one after the other; all must be found
`;

const KINDS = {
  seeds: 'text',
  fresh: 'text',
  mode: 'text',
  workload: 'text',
  nodes: 'text',
  threads: 'text',
  twice: 'flag',
  trace: 'flag',
  'no-shrink': 'flag',
  'stop-at-first': 'flag',
  json: 'flag',
} as const;
const SEED_MAX = 2 ** 48;
/** Fresh seeds lie far from those that people type. */
const FRESH_BASE = 1_000_000;

export function parseArguments(args: readonly string[]): SimArguments | 'help' {
  for (const first of ['--nasty', '--mutants', '--versions']) {
    if (args.includes(first))
      throw new UsageError(`${first} goes first: npm run sim -- ${first} ...`);
  }
  const { texts, flags, names } = givenOptions(args, KINDS);
  if (flags.has('help')) return 'help';
  const [name] = names;
  if (name !== undefined) throw new UsageError(`${name} is no option: ${adviceFor(name)}`);
  if (texts.has('seeds') && texts.has('fresh')) {
    throw new UsageError('--seeds and --fresh exclude each other: give one of them');
  }
  const fresh = texts.get('fresh');
  const seeds =
    fresh === undefined
      ? seedRange(texts.get('seeds') ?? '1..20')
      : freshSeeds(whole('--fresh', fresh, 1, 1_000_000));
  if (flags.has('trace')) checkTrace(seeds, flags);
  const number = (option: string, max: number): number | undefined => {
    const text = texts.get(option);
    return text === undefined ? undefined : whole(`--${option}`, text, 1, max);
  };
  const workload = texts.get('workload');
  return {
    seeds,
    mode: oneOf('--mode', texts.get('mode') ?? 'any', ['any', ...Object.keys(MODES)]),
    workload:
      workload === undefined ? undefined : oneOf('--workload', workload, Object.keys(WORKLOADS)),
    nodes: number('nodes', 9),
    threads: number('threads', 64),
    twice: flags.has('twice'),
    trace: flags.has('trace'),
    stopAtFirst: flags.has('stop-at-first'),
    shrink: !flags.has('no-shrink'),
    json: flags.has('json'),
  };
}

function adviceFor(name: string): string {
  return /^\d+(\.\.\d+)?$/.test(name)
    ? `did you mean --seeds ${name}?`
    : 'everything is said by options, as in --seeds 1..200';
}

function checkTrace(
  { from, to }: { readonly from: number; readonly to: number },
  flags: ReadonlySet<string>,
): void {
  for (const other of ['json', 'twice']) {
    if (flags.has(other))
      throw new UsageError(`--trace and --${other} exclude each other: give one of them`);
  }
  if (from === to) return;
  throw new UsageError(
    `--trace is for one seed, not ${from}..${to}: give it, as in --seeds ${from}`,
  );
}

function seedRange(text: string): { from: number; to: number } {
  const match = /^(\d+)(?:\.\.(\d+))?$/.exec(text);
  if (match === null) throw new UsageError(`--seeds ${text}: give a range such as 1..200`);
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  if (to < from) throw new UsageError(`--seeds ${text}: the range ends before it begins`);
  if (to > SEED_MAX) throw new UsageError(`--seeds ${text}: at most ${SEED_MAX}`);
  return { from, to };
}

function freshSeeds(count: number): { from: number; to: number } {
  const from = FRESH_BASE + (Date.now() % 1_000_000_000_000);
  return { from, to: from + count - 1 };
}

/** @throws UsageError. */
export function whole(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError(`${option} ${text}: give a whole number from ${min} to ${max}`);
}

function oneOf(option: string, name: string, names: readonly string[]): string {
  if (names.includes(name)) return name;
  throw new UsageError(`${option} ${name}: give one of ${names.join(', ')}`);
}
