/**
 * `npm run sim -- --nasty`: plays the scenarios, each with several seeds; see NASTY_USAGE, and run/command.ts for
 * how it ends.
 *
 * `--json` has the form of `npm run sim -- --json`, so that what looks for planted faults can read both.
 */
import { runCommand } from '../run/command.ts';
import { counted } from '../run/found-lines.ts';
import { unlessInterrupted } from '../run/interrupted.ts';
import { NASTY_USAGE, type NastyArguments, parseNastyArguments } from './arguments.ts';
import { NASTY } from './index.ts';
import type { NastyScenario } from './scenario.ts';
import { type Played, play } from './stage.ts';

type Print = (line: string) => void;

/** What came of one scenario. */
interface PlayedAll {
  readonly scenario: NastyScenario;
  /** How many it was played with. */
  readonly seeds: number;
  readonly failure: Played | undefined;
}

await runCommand('npm run sim -- --nasty --help', async ({ args, print, signal }) => {
  const numbers = NASTY.map(({ number }) => number);
  const wanted = parseNastyArguments(args, numbers);
  if (wanted !== 'help') return await playScenarios(wanted, print, signal);
  print(NASTY_USAGE.trimEnd());
  return 0;
});

/** Answers the exit code. */
async function playScenarios(
  wanted: NastyArguments,
  print: Print,
  signal: AbortSignal,
): Promise<number> {
  const { scenarios, json, stopAtFirst } = wanted;
  const say: Print = json ? () => undefined : print;
  const played: PlayedAll[] = [];
  for (const scenario of NASTY.filter(({ number }) => scenarios.includes(number))) {
    const one = await playAll(scenario, wanted, say, signal);
    if (signal.aborted) break;
    played.push(one);
    for (const line of linesOf(one)) say(line);
    if (stopAtFirst && one.failure !== undefined) break;
  }
  const failures = played.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
  const sum = `${counted(played.length, 'scenario')}, ${failures.length} failed`;
  say(signal.aborted ? `interrupted after ${sum}` : sum);
  if (json) print(JSON.stringify(reportOf(played, failures, signal.aborted)));
  return failures.length === 0 ? 0 : 1;
}

/** Ends with the first seed that fails. */
async function playAll(
  scenario: NastyScenario,
  { seeds, trace }: NastyArguments,
  say: Print,
  signal: AbortSignal,
): Promise<PlayedAll> {
  const onLine: Print = (line) => (signal.aborted ? undefined : say(line));
  let done = 0;
  for (const seed of seeds) {
    const run = () => play(scenario, seed, trace ? onLine : undefined);
    const played = await unlessInterrupted(signal, run);
    if (played === undefined) break;
    done += 1;
    if (played.violation !== undefined) return { scenario, seeds: done, failure: played };
  }
  return { scenario, seeds: done, failure: undefined };
}

function linesOf({ scenario: { number, title }, seeds, failure }: PlayedAll): string[] {
  const name = `N-${String(number).padEnd(3)}`;
  if (failure === undefined)
    return [`${name} ${`ok    ${counted(seeds, 'seed')}`.padEnd(14)} ${title}`];
  const { checker, message } = failure.violation ?? {};
  return [
    `${name} FAIL  seed ${failure.seed}: ${checker}: ${message} ${title}`,
    `      npm run sim -- --nasty N-${number} --seed ${failure.seed} --trace`,
  ];
}

function reportOf(
  played: readonly PlayedAll[],
  failures: readonly Played[],
  isInterrupted: boolean,
): object {
  return {
    isOk: failures.length === 0 && !isInterrupted,
    isInterrupted,
    scenarios: played.map(({ scenario: { number, title }, seeds, failure }) => {
      return { scenario: `N-${number}`, title, seeds, isOk: failure === undefined };
    }),
    violations: failures.map(asFound),
  };
}

function asFound({ scenario, seed, violation }: Played): object {
  return { seed, mode: 'nasty', workload: `N-${scenario.number}`, violation };
}
