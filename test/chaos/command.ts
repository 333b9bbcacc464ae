/**
 * `npm run chaos` from its arguments to its exit code: 0 for a run in which everything held, 1 for one in
 * which something did not, 2 for what can not be done as asked. A history that can not be read, or holds
 * nothing, is of the last kind: nothing was judged. All of that is found out before anything is started.
 */
import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import { ClusterError } from '../../src/errors.ts';
import { Report } from '../acceptance/report.ts';
import { chaos } from './chaos.ts';
import type { Fault } from './fault.ts';
import { type Judgement, judge, reportVerdict } from './judge.ts';
import { LINK_FAULTS } from './link-faults.ts';
import { parseOptions, USAGE } from './options.ts';
import { PROCESS_FAULTS } from './process-faults.ts';
import { WORLD_FAULTS } from './world-faults.ts';

const FAULTS: readonly Fault[] = [...LINK_FAULTS, ...PROCESS_FAULTS, ...WORLD_FAULTS];
const WRONG_ARGUMENTS = 2;

export interface Surroundings {
  /** Taken where none is given. */
  readonly freshSeed: number;
  /** What relative paths begin at. */
  readonly folder: string;
  readonly tell: (text: string) => void;
  /** Where mistakes and interruptions are told. */
  readonly complain: (text: string) => void;
}

export async function runChaos(
  args: readonly string[],
  { freshSeed, folder, tell, complain }: Surroundings,
): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    tell(USAGE);
    return 0;
  }
  const given = parseOptions(args, FAULTS, freshSeed);
  if (typeof given === 'string') {
    complain(`${given}\n${USAGE}`);
    return WRONG_ARGUMENTS;
  }
  if (given.check !== undefined) return check(resolve(folder, given.check), tell, complain);
  const history = given.history === undefined ? undefined : resolve(folder, given.history);
  const why = history === undefined ? undefined : whyNoHistory(history);
  if (why !== undefined) {
    complain(`--history: ${why}`);
    return WRONG_ARGUMENTS;
  }
  const report = new Report(tell);
  await report.step('chaos', () => chaos(report, { ...given, history }, complain));
  return report.summary();
}

function check(
  path: string,
  tell: Surroundings['tell'],
  complain: Surroundings['complain'],
): number {
  // It counts the time from here on, and judging is what takes it.
  const report = new Report(tell);
  const begin = performance.now();
  let judgement: Judgement;
  try {
    judgement = judge(path);
  } catch (error) {
    const why = whyUnread(path, error);
    if (why === undefined) throw error;
    complain(`--check: ${why}`);
    return WRONG_ARGUMENTS;
  }
  if (judgement.operations === 0) {
    complain(`--check: ${path} holds no operations: there is nothing to judge`);
    return WRONG_ARGUMENTS;
  }
  report.section(path);
  reportVerdict(report, judgement, performance.now() - begin);
  return report.summary();
}

/** Undefined: the checker itself has come to grief. */
function whyUnread(path: string, error: unknown): string | undefined {
  if (error instanceof ClusterError) return `${path} is no history: ${error.message}`;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return `there is no file ${path}`;
  if (code === 'EISDIR') return `${path} is a folder: give the file of a history`;
  return code === undefined ? undefined : `${path} can not be read: ${message}`;
}

/** What was written to it before stays until the run begins. */
function whyNoHistory(path: string): string | undefined {
  if (existsSync(path) && statSync(path).isDirectory()) {
    return `${path} is a folder: give a file in it`;
  }
  if (!existsSync(dirname(path))) return `there is no folder ${dirname(path)}: make it first`;
  try {
    closeSync(openSync(path, 'a'));
    return undefined;
  } catch (error) {
    return `${path} can not be written: ${(error as Error).message}`;
  }
}
