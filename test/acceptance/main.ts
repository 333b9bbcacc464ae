/** The acceptance programs: `survive`, `bad-input`, `members`, `wire` and `snapshot`. See scripts/acceptance.mjs. */
import { badInput } from './bad-input.ts';
import { members } from './members.ts';
import { Report } from './report.ts';
import { snapshot } from './snapshot.ts';
import { survive } from './survive.ts';
import { wire } from './wire.ts';

const USAGE =
  'usage: npm run acceptance -- survive|bad-input|members|wire|snapshot [--quick] [--seed N] [--seconds N]\n';

const PROGRAMS = {
  survive: (report: Report, chosen: Arguments) => survive(report, chosen),
  'bad-input': (report: Report) => badInput(report),
  members: (report: Report, chosen: Arguments) => members(report, chosen),
  wire: (report: Report, chosen: Arguments) => wire(report, chosen),
  snapshot: (report: Report, chosen: Arguments) => snapshot(report, chosen),
} as const;

interface Arguments {
  readonly program: keyof typeof PROGRAMS;
  readonly isQuick: boolean;
  readonly seed: number;
  /** How long the measured part takes, where a program measures. */
  readonly seconds: number | undefined;
}

function parse(args: readonly string[]): Arguments | undefined {
  const [program, ...flags] = args;
  let isQuick = false;
  let seed = Date.now() % 1_000_000;
  let seconds: number | undefined;
  for (let i = 0; i < flags.length; i++) {
    if (flags[i] === '--quick') isQuick = true;
    else if (flags[i] === '--seed' && /^\d+$/.test(flags[i + 1] ?? '')) seed = Number(flags[++i]);
    else if (flags[i] === '--seconds' && /^\d+$/.test(flags[i + 1] ?? '')) {
      seconds = Number(flags[++i]);
    } else return undefined;
  }
  return isProgram(program) ? { program, isQuick, seed, seconds } : undefined;
}

function isProgram(name: string | undefined): name is keyof typeof PROGRAMS {
  return name !== undefined && Object.hasOwn(PROGRAMS, name);
}

const chosen = parse(process.argv.slice(2));
if (chosen === undefined) {
  process.stderr.write(USAGE);
  process.exit(2);
}
const tell = (text: string): void => void process.stdout.write(`${text}\n`);
const report = new Report(tell);
tell(`acceptance: ${chosen.program}`);
await report.step(chosen.program, () => PROGRAMS[chosen.program](report, chosen));
process.exit(report.summary());
