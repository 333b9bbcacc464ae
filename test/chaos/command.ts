/**
 * `npm run chaos` from its arguments to its exit code: 0 for a run in which everything held, 1 for one in
 * which something did not, 2 for what can not be done as asked.
 */
import { existsSync } from 'node:fs';

import { Report } from '../acceptance/report.ts';
import { chaos } from './chaos.ts';
import type { Fault } from './fault.ts';
import { reportJudgement } from './judge.ts';
import { LINK_FAULTS } from './link-faults.ts';
import { parseOptions, USAGE } from './options.ts';
import { PROCESS_FAULTS } from './process-faults.ts';
import { WORLD_FAULTS } from './world-faults.ts';

const FAULTS: readonly Fault[] = [...LINK_FAULTS, ...PROCESS_FAULTS, ...WORLD_FAULTS];
const WRONG_ARGUMENTS = 2;

/** `freshSeed` is taken where none is given; `complain`: where mistakes are told. */
export async function runChaos(
  args: readonly string[],
  freshSeed: number,
  complain: (text: string) => void,
): Promise<number> {
  const options = parseOptions(args, FAULTS, freshSeed);
  if (typeof options === 'string') {
    complain(`${options}\n${USAGE}`);
    return WRONG_ARGUMENTS;
  }
  const { check } = options;
  if (check !== undefined && !existsSync(check)) {
    complain(`--check: there is no file ${check}`);
    return WRONG_ARGUMENTS;
  }
  const report = new Report();
  if (check !== undefined) await report.step(check, async () => reportJudgement(report, check));
  else await report.step('chaos', () => chaos(report, options));
  return report.summary();
}
