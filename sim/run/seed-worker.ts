/** One thread of a run over many seeds: takes a seed, runs it, gives back what came of it. */
import { parentPort } from 'node:worker_threads';

import { runSeed, type SeedTask } from './run-seed.ts';

parentPort?.on('message', async (task: SeedTask) => {
  parentPort?.postMessage(await runSeed(task));
});
