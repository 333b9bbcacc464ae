/**
 * `npm run sim -- --nasty [N-1 ...] [--seed N] [--trace]`: plays the scenarios, each with several seeds,
 * which vary latencies and dice, never what the script does.
 *
 * `--json` prints one line at the end in place of text, in the form of `npm run sim -- --json`, so that
 * what looks for planted faults can read both. `--stop-at-first` ends with the first scenario that fails.
 */
import { NASTY } from './index.ts';
import type { NastyScenario } from './scenario.ts';
import { type Played, play } from './stage.ts';

/** A script that works by luck fails with one of them. */
const SEEDS_EACH = 5;

const args = process.argv.slice(2);
const isJson = args.includes('--json');
const stopsAtFirst = args.includes('--stop-at-first');
const isTraced = args.includes('--trace');
const seedAt = args.indexOf('--seed');
const seed = seedAt < 0 ? undefined : Number(args[seedAt + 1]);
const seeds = seed === undefined ? Array.from({ length: SEEDS_EACH }, (_, at) => at + 1) : [seed];
const wanted = args.filter((arg) => /^N-\d+$/.test(arg)).map((arg) => Number(arg.slice(2)));
const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const say = isJson ? (): void => undefined : print;

const chosen = NASTY.filter(({ number }) => wanted.length === 0 || wanted.includes(number));
const unknown = wanted.filter((number) => !NASTY.some((scenario) => scenario.number === number));
for (const number of unknown) say(`N-${number} is no scenario: there are N-1 to N-${NASTY.length}`);

const failures: Played[] = [];
for (const scenario of chosen) {
  if (stopsAtFirst && failures.length > 0) break;
  const failure = await playAll(scenario);
  if (failure !== undefined) failures.push(failure);
  const { checker, message } = failure?.violation ?? {};
  const verdict =
    failure === undefined
      ? `ok    ${seeds.length} seeds`
      : `FAIL  seed ${failure.seed}: ${checker}: ${message}`;
  say(`N-${String(scenario.number).padEnd(3)} ${verdict.padEnd(14)} ${scenario.title}`);
}
const failed = unknown.length + failures.length;
say(`${chosen.length} scenarios, ${failed} failed`);
if (isJson) print(JSON.stringify({ violations: failures.map(asFound) }));
process.exitCode = failed === 0 ? 0 : 1;

/** The first seed that fails. */
async function playAll(scenario: NastyScenario): Promise<Played | undefined> {
  for (const one of seeds) {
    const played = await play(scenario, one, isTraced ? say : undefined);
    if (played.violation !== undefined) return played;
  }
  return undefined;
}

function asFound({ scenario, seed, violation }: Played): object {
  return { seed, mode: 'nasty', workload: `N-${scenario.number}`, violation };
}
