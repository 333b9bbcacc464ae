/**
 * `npm run chaos -- [--minutes N] [--nodes 3|5] [--history FILE] [--seed N] [--faults a,b] [--quick]`, or
 * `--check FILE`: real daemons under real faults, judged from outside. What it does is in test/chaos/; here
 * is only the set-up, so that it works straight after a clone.
 */
import { join } from 'node:path';

import { ensureBuilt, ensureInstalled } from './setup.mjs';
import { main, ROOT, runNode } from './steps.mjs';

await main(async () => {
  await ensureInstalled();
  await ensureBuilt();
  const program = join(ROOT, 'dist', 'test', 'chaos', 'main.js');
  return await runNode([program, ...process.argv.slice(2)]);
});
