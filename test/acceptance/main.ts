/** The acceptance programs: `survive` and `bad-input`. See scripts/acceptance.mjs. */
import { badInput } from './bad-input.ts';
import { Report } from './report.ts';
import { survive } from './survive.ts';

const USAGE = 'usage: npm run acceptance -- survive|bad-input [--quick] [--seed N]\n';

interface Arguments {
  readonly program: string;
  readonly isQuick: boolean;
  readonly seed: number;
}

function parse(args: readonly string[]): Arguments | undefined {
  const [program, ...flags] = args;
  let isQuick = false;
  let seed = Date.now() % 1_000_000;
  for (let i = 0; i < flags.length; i++) {
    if (flags[i] === '--quick') isQuick = true;
    else if (flags[i] === '--seed' && /^\d+$/.test(flags[i + 1] ?? '')) seed = Number(flags[++i]);
    else return undefined;
  }
  const isKnown = program === 'survive' || program === 'bad-input';
  return isKnown ? { program, isQuick, seed } : undefined;
}

const chosen = parse(process.argv.slice(2));
if (chosen === undefined) {
  process.stderr.write(USAGE);
  process.exit(2);
}
const report = new Report();
process.stdout.write(`acceptance: ${chosen.program}\n`);
if (chosen.program === 'survive') await report.step('survive', () => survive(report, chosen));
else await report.step('bad-input', () => badInput(report));
process.exit(report.summary());
