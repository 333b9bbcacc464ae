/**
 * `npm run sim -- --nasty [N-1 ...] [--seed N] [--trace]`: plays the scenarios, each with several seeds,
 * which vary latencies and dice, never what the script does.
 */
import { NASTY } from './index.ts';
import { play } from './stage.ts';

/** A script that works by luck fails with one of them. */
const SEEDS_EACH = 5;

const args = process.argv.slice(2);
const isTraced = args.includes('--trace');
const seedAt = args.indexOf('--seed');
const seed = seedAt < 0 ? undefined : Number(args[seedAt + 1]);
const wanted = args.filter((arg) => /^N-\d+$/.test(arg)).map((arg) => Number(arg.slice(2)));
const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const chosen = NASTY.filter(({ number }) => wanted.length === 0 || wanted.includes(number));
const unknown = wanted.filter((number) => !NASTY.some((scenario) => scenario.number === number));
let failed = unknown.length;
for (const number of unknown)
  print(`N-${number} is no scenario: there are N-1 to N-${NASTY.length}`);
for (const scenario of chosen) {
  const seeds = seed === undefined ? Array.from({ length: SEEDS_EACH }, (_, at) => at + 1) : [seed];
  let verdict = `ok    ${seeds.length} seeds`;
  for (const one of seeds) {
    const { violation } = await play(scenario, one, isTraced ? print : undefined);
    if (violation === undefined) continue;
    failed += 1;
    verdict = `FAIL  seed ${one}: ${violation.checker}: ${violation.message}`;
    break;
  }
  print(`N-${String(scenario.number).padEnd(3)} ${verdict.padEnd(14)} ${scenario.title}`);
}
print(`${chosen.length} scenarios, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
