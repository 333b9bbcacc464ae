/**
 * `npm run sim -- --nasty`: plays the scenarios, each with several seeds. Ends with 0 when all went well, 1 when
 * something was found, 2 when it was asked wrongly; see NASTY_USAGE.
 *
 * `--json` has the form of `npm run sim -- --json`, so that what looks for planted faults can read both.
 */
import { UsageError } from '../run/arguments.ts';
import { counted } from '../run/found-lines.ts';
import { NASTY_USAGE, type NastyArguments, parseNastyArguments } from './arguments.ts';
import { NASTY } from './index.ts';
import type { NastyScenario } from './scenario.ts';
import { type Played, play } from './stage.ts';

type Print = (line: string) => void;

const print: Print = (line) => {
  process.stdout.write(`${line}\n`);
};

try {
  const numbers = NASTY.map(({ number }) => number);
  const wanted = parseNastyArguments(process.argv.slice(2), numbers);
  if (wanted === 'help') process.stdout.write(NASTY_USAGE);
  else process.exitCode = await playScenarios(wanted);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${NASTY_USAGE}`);
  process.exitCode = 2;
}

/** Answers the exit code. */
async function playScenarios(wanted: NastyArguments): Promise<number> {
  const { scenarios, seeds, json, stopAtFirst } = wanted;
  const say: Print = json ? () => undefined : print;
  const chosen = NASTY.filter(({ number }) => scenarios.includes(number));
  const failures: Played[] = [];
  for (const scenario of chosen) {
    if (stopAtFirst && failures.length > 0) break;
    const failure = await playAll(scenario, wanted, say);
    if (failure !== undefined) failures.push(failure);
    const { checker, message } = failure?.violation ?? {};
    const verdict =
      failure === undefined
        ? `ok    ${counted(seeds.length, 'seed')}`
        : `FAIL  seed ${failure.seed}: ${checker}: ${message}`;
    say(`N-${String(scenario.number).padEnd(3)} ${verdict.padEnd(14)} ${scenario.title}`);
    if (failure !== undefined) {
      say(`      npm run sim -- --nasty N-${scenario.number} --seed ${failure.seed} --trace`);
    }
  }
  say(`${counted(chosen.length, 'scenario')}, ${failures.length} failed`);
  if (json) print(JSON.stringify({ violations: failures.map(asFound) }));
  return failures.length === 0 ? 0 : 1;
}

/** The first seed that fails. */
async function playAll(
  scenario: NastyScenario,
  { seeds, trace }: NastyArguments,
  say: Print,
): Promise<Played | undefined> {
  for (const seed of seeds) {
    const played = await play(scenario, seed, trace ? say : undefined);
    if (played.violation !== undefined) return played;
  }
  return undefined;
}

function asFound({ scenario, seed, violation }: Played): object {
  return { seed, mode: 'nasty', workload: `N-${scenario.number}`, violation };
}
