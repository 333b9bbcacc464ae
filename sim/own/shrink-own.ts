/**
 * The smallest run that still fails in the same way, and what happens in it, as data that can be printed.
 *
 * What was planned for after the violation never came about; it is cut off first, so that each further try
 * is short.
 */
import type { RunPlan } from '../run/plan.ts';
import type { RunResult } from '../run/run-plan.ts';
import { shrink } from '../run/shrink.ts';
import type { ShrunkRun } from './simulation.ts';

type Run = (plan: RunPlan, onLine?: (line: string) => void) => Promise<RunResult>;

const TRIES_MAX = 120;
/** The last ones lead to the violation. */
const TRACE_LINES_MAX = 60;

/** `undefined`: it does not fail again, as it was. */
export async function shrinkOwn(failing: RunResult, run: Run): Promise<ShrunkRun | undefined> {
  const wanted = failing.violation?.checker;
  const again = await run(failing.plan);
  if (again.violation?.checker !== wanted || again.hash !== failing.hash) return undefined;
  const cut = await run(cutOff(failing.plan, failing.violation?.atMs ?? Infinity));
  const start = cut.violation?.checker === wanted ? cut : failing;
  const { result, tries } = await shrink(start, { run, triesMax: TRIES_MAX });
  const lines: string[] = [];
  const last = await run(result.plan, (line) => lines.push(line));
  const { plan } = result;
  return {
    nodes: plan.shape.size,
    rounds: plan.rounds.map(({ faultMs, faults }) => ({ faultMs, faults: [...faults] })),
    commands: plan.operations.map(({ atMs, client, args: [command = ''] }) => {
      return { atMs, client, command: String(command) };
    }),
    message: last.violation?.message ?? result.violation?.message ?? '',
    trace: lines.slice(-TRACE_LINES_MAX),
    tries: tries + 1,
  };
}

function cutOff(plan: RunPlan, atMs: number): RunPlan {
  let beganMs = 0;
  const rounds = plan.rounds.filter(({ faultMs }) => {
    const isBegun = beganMs <= atMs;
    beganMs += faultMs;
    return isBegun;
  });
  return { ...plan, rounds, operations: plan.operations.filter((one) => one.atMs <= atMs) };
}
