/**
 * The command line of the benchmarks. Strict: a misspelt option that is ignored would be found out after ten
 * minutes of measuring something else.
 */
import { parseArgs } from 'node:util';
import type { Benchmark } from './benchmark.ts';

export interface Options {
  readonly benchmarks: readonly Benchmark[];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly minutes: number;
  readonly isTrial: boolean;
  readonly jsonFile: string | undefined;
}

/** Names that stand for several. */
export interface Selection {
  readonly name: string;
  readonly about: string;
  readonly benchmarks: readonly Benchmark[];
}

export type Parsed =
  | { readonly options: Options }
  | { readonly help: string }
  | { readonly prepare: true }
  | { readonly mistake: string };

/** The demands speak of medians of as many rounds, at least. */
export const ROUNDS_JUDGING = 5;
const ROUNDS_SELECTION = 3;
const SECONDS_DEFAULT = 1.5;
const WARM_SECONDS_DEFAULT = 0.5;
const MINUTES_DEFAULT = 10;
/** A trial shows that something works, and measures nothing. */
const TRIAL = { rounds: 1, seconds: 0.1, warmSeconds: 0.05, minutes: 0.01 } as const;

const SPEC = {
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  warm: { type: 'string' },
  minutes: { type: 'string' },
  json: { type: 'string' },
  trial: { type: 'boolean' },
  prepare: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** `selections[0]` is what is measured when nothing is named. */
export function parseOptions(
  args: readonly string[],
  all: readonly Benchmark[],
  selections: readonly Selection[],
): Parsed {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    return { mistake: (error as Error).message };
  }
  const { values, positionals } = parsed;
  if (values.help === true) return { help: helpText(all, selections) };
  if (values.prepare === true) {
    const only = args.length === 1;
    return only ? { prepare: true } : { mistake: '--prepare stands alone: it measures nothing' };
  }
  const names = positionals.length === 0 ? [selections[0]!.name] : positionals;
  const chosen: Benchmark[] = [];
  for (const name of names) {
    const selection = selections.find((each) => each.name === name);
    const found = selection?.benchmarks ?? all.filter((each) => each.name === name);
    if (found.length === 0) {
      const known = [...selections, ...all].map((each) => each.name).join(', ');
      return { mistake: `there is no benchmark ${name}; there are: ${known}` };
    }
    for (const each of found) if (!chosen.includes(each)) chosen.push(each);
  }
  const isShort = positionals.length === 0;
  const isTrial = values.trial === true;
  const defaults = isTrial
    ? TRIAL
    : {
        rounds: isShort ? ROUNDS_SELECTION : ROUNDS_JUDGING,
        seconds: SECONDS_DEFAULT,
        warmSeconds: WARM_SECONDS_DEFAULT,
        minutes: MINUTES_DEFAULT,
      };
  const number = (name: 'rounds' | 'seconds' | 'warm' | 'minutes', otherwise: number): number =>
    values[name] === undefined ? otherwise : Number(values[name]);
  const options = {
    benchmarks: chosen,
    rounds: number('rounds', defaults.rounds),
    seconds: number('seconds', defaults.seconds),
    warmSeconds: number('warm', defaults.warmSeconds),
    minutes: number('minutes', defaults.minutes),
    isTrial,
    jsonFile: values.json,
  };
  const mistake = mistakeIn(options);
  return mistake === undefined ? { options } : { mistake };
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options: SPEC, allowPositionals: true, strict: true });
}

function mistakeIn({
  rounds,
  seconds,
  warmSeconds,
  minutes,
  jsonFile,
}: Options): string | undefined {
  if (!Number.isSafeInteger(rounds) || rounds < 1 || rounds > 1_000) {
    return '--rounds is a whole number from 1 to 1000';
  }
  if (!(seconds > 0 && seconds <= 600)) return '--seconds is a number above 0, at most 600';
  if (!(warmSeconds >= 0 && warmSeconds <= 600)) return '--warm is a number from 0 to 600';
  if (!(minutes > 0 && minutes <= 1_440)) return '--minutes is a number above 0, at most 1440';
  if (jsonFile === '') return '--json is the name of a file';
  return undefined;
}

function helpText(all: readonly Benchmark[], selections: readonly Selection[]): string {
  const line = (name: string, about: string): string => `  ${name.padEnd(16)}${about}`;
  return [
    'npm run bench -- [NAME...] [options]',
    '',
    'Selections (without a name: the first):',
    ...selections.map(({ name, about }) => line(name, about)),
    '',
    'Benchmarks:',
    ...all.map(({ name, about }) => line(name, about)),
    '',
    'Options:',
    line(
      '--rounds N',
      `in which all take turns; default ${ROUNDS_JUDGING}, ${ROUNDS_SELECTION} for the first selection`,
    ),
    line('--seconds S', `of each measurement; default ${SECONDS_DEFAULT}`),
    line('--warm S', `before each, not counted; default ${WARM_SECONDS_DEFAULT}`),
    line('--minutes M', `of what has a length: soak, steady; default ${MINUTES_DEFAULT}`),
    line('--json FILE', 'where results go; default bench/results/'),
    line('--trial', 'as little as possible: shows that it works, measures nothing'),
    line(
      '--prepare',
      'builds the load drivers of the peers, measures nothing; 1 where one is missing',
    ),
    '',
    'What of the peers is not installed is left out, and named. Slow figures are no failure: exit code 0.',
    'A benchmark that broke: 1. A mistake in the arguments: 2.',
  ].join('\n');
}
