/**
 * `npm run chaos -- [--minutes N] [--nodes 3|5|7] [--history FILE] [--seed N] [--faults a,b] [--quick]`, or
 * `--check FILE`, `--prove`, `--help`: real daemons under real faults, judged from outside. What it does is
 * in test/chaos/; here is only the set-up, so that it works straight after a clone.
 */
import { join } from 'node:path';

import { ensureBuilt, ensureInstalled } from './setup.mjs';
import { main, ROOT, runNode } from './steps.mjs';

await main(async () => {
  await ensureInstalled();
  await ensureBuilt();
  const program = join(ROOT, 'dist', 'test', 'chaos', 'main.js');
  // Where it was called: npm has gone to the root of the repository.
  const env = { ...process.env, INIT_CWD: process.env.INIT_CWD ?? process.cwd() };
  return await runNode([program, ...process.argv.slice(2)], { env });
});
