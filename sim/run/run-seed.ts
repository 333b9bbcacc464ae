/**
 * One seed from its number to what came of it, whatever happens: a seed that is lost is worse than one that fails,
 * for nobody knows which it was. What goes wrong outside of the run (while it is planned, founded or closed) is a
 * violation of that seed, as is a thread that ends or never answers (many-seeds.ts).
 */
import { type PlanOptions, planRun, type RunPlan } from './plan.ts';
import { type SeedSummary, summaryOf } from './report.ts';
import { type RunResult, runPlan } from './run-plan.ts';

export interface SeedTask extends PlanOptions {
  readonly seed: number;
}

export const RUN_ITSELF = 'the run itself';

export async function runSeed(
  task: SeedTask,
  run: (plan: RunPlan) => Promise<RunResult> = runPlan,
): Promise<SeedSummary> {
  try {
    return summaryOf(await run(planRun(task.seed, task)));
  } catch (error) {
    const { stack } = (error ?? {}) as { stack?: unknown };
    return withoutVerdict(task, RUN_ITSELF, typeof stack === 'string' ? stack : String(error));
  }
}

/** Of a seed whose run never said how it went. It has no hash. */
export function withoutVerdict(task: SeedTask, checker: string, message: string): SeedSummary {
  return {
    ...namesOf(task),
    hash: '',
    violation: { checker, message, atMs: 0 },
    simulatedMs: 0,
    operations: { ok: 0, failed: 0, unknown: 0 },
    faults: {},
    elections: 0,
    crashes: 0,
    crashesWithLoss: 0,
    applied: 0,
  };
}

function namesOf(task: SeedTask): Pick<SeedSummary, 'seed' | 'mode' | 'workload' | 'nodes'> {
  const { seed, mode, workload, nodes } = task;
  try {
    const plan = planRun(seed, task);
    return { seed, mode: plan.mode, workload: plan.workload, nodes: plan.shape.size };
  } catch {
    return { seed, mode, workload, nodes };
  }
}
