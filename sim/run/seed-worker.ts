/** One thread of a run over many seeds: takes a seed, runs it, gives back what came of it. */
import { parentPort } from 'node:worker_threads';

import { type PlanOptions, planRun } from './plan.ts';
import { summaryOf } from './report.ts';
import { runPlan } from './run-plan.ts';

/** What the thread is told. */
export interface SeedTask extends PlanOptions {
  readonly seed: number;
}

parentPort?.on('message', async (task: SeedTask) => {
  const result = await runPlan(planRun(task.seed, task));
  parentPort?.postMessage(summaryOf(result));
});
