/**
 * Many seeds, on as many threads as there are processors. Seeds are handed out in order; a result does not
 * depend on which thread ran it.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

import type { PlanOptions } from './plan.ts';
import type { SeedSummary } from './report.ts';
import type { SeedTask } from './seed-worker.ts';

export interface ManySeedsOptions extends PlanOptions {
  readonly seeds: Iterable<number>;
  /** Default: one for each processor. */
  readonly threads?: number | undefined;
  /** Called in the order in which seeds end. False: no more are begun. */
  readonly onSeed: (summary: SeedSummary) => boolean;
}

export async function runSeeds(options: ManySeedsOptions): Promise<void> {
  const { mode, workload, nodes } = options;
  const seeds = options.seeds[Symbol.iterator]();
  let isOver = false;
  const next = (): SeedTask | undefined => {
    if (isOver) return undefined;
    const { done, value } = seeds.next();
    return done === true ? undefined : { seed: value, mode, workload, nodes };
  };
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./seed-worker.js', import.meta.url));
      const give = (): void => {
        const task = next();
        if (task !== undefined) worker.postMessage(task);
        else worker.terminate().then(() => resolve(), reject);
      };
      worker.on('message', (summary: SeedSummary) => {
        if (!options.onSeed(summary)) isOver = true;
        give();
      });
      worker.on('error', (error) => {
        isOver = true;
        reject(error);
      });
      give();
    });
  const threads = Math.max(1, options.threads ?? availableParallelism());
  await Promise.all(Array.from({ length: threads }, work));
}
