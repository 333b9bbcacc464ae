/** What `npm run sim` can be told. */
import { parseArgs } from 'node:util';

import { MODES } from '../faults/modes.ts';
import { WORKLOADS } from '../workloads/index.ts';

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

export class UsageError extends Error {}

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
  --trace           prints all that happens (for one seed)
  --no-shrink       does not look for the smallest run that still fails
  --stop-at-first   ends at the first violation
  --threads N       default: one for each processor
  --json            one JSON object at the end in place of text
  --nasty           the forty scripted scenarios that broke real systems: those that are named, else all; with
                    one seed in place of five, and all that happens when it is asked for
  --versions        the same seeds under several versions of Node.js (by npx): each must take the same way
  --mutants         plants the faults of a folder (default sim/mutants), one after the other; all must be found
`;

const SEED_MAX = 2 ** 48;
/** Fresh seeds lie far from those that people type. */
const FRESH_BASE = 1_000_000;

export function parseArguments(args: readonly string[]): SimArguments | 'help' {
  for (const first of ['--nasty', '--mutants', '--versions']) {
    if (args.includes(first))
      throw new UsageError(`${first} goes first: npm run sim -- ${first} ...`);
  }
  const values = parse(args);
  if (values.help === true) return 'help';
  if (values.seeds !== undefined && values.fresh !== undefined) {
    throw new UsageError('--seeds and --fresh exclude each other: give one of them');
  }
  return {
    seeds:
      values.fresh === undefined
        ? seedRange(values.seeds ?? '1..20')
        : freshSeeds(whole('--fresh', values.fresh, 1, 1_000_000)),
    mode: oneOf('--mode', values.mode ?? 'any', ['any', ...Object.keys(MODES)]),
    workload:
      values.workload === undefined
        ? undefined
        : oneOf('--workload', values.workload, Object.keys(WORKLOADS)),
    nodes: values.nodes === undefined ? undefined : whole('--nodes', values.nodes, 1, 9),
    threads: values.threads === undefined ? undefined : whole('--threads', values.threads, 1, 64),
    twice: values.twice === true,
    trace: values.trace === true,
    stopAtFirst: values['stop-at-first'] === true,
    shrink: values['no-shrink'] !== true,
    json: values.json === true,
  };
}

function parse(args: readonly string[]): {
  seeds?: string;
  fresh?: string;
  mode?: string;
  workload?: string;
  nodes?: string;
  threads?: string;
  twice?: boolean;
  trace?: boolean;
  'no-shrink'?: boolean;
  'stop-at-first'?: boolean;
  json?: boolean;
  help?: boolean;
} {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        seeds: text,
        fresh: text,
        mode: text,
        workload: text,
        nodes: text,
        threads: text,
        twice: flag,
        trace: flag,
        'no-shrink': flag,
        'stop-at-first': flag,
        json: flag,
        help: { ...flag, short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
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
