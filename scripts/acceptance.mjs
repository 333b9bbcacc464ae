/**
 * `npm run acceptance -- survive|bad-input|members|wire|snapshot [--quick] [--seed N] [--seconds N]`: the programs
 * that try the whole thing, with real processes, real faults and real data. What they do is in
 * test/acceptance/; here is only the set-up, so that they work straight after a clone.
 */
import { join } from 'node:path';

import { ensureBuilt, ensureInstalled } from './setup.mjs';
import { main, ROOT, runNode } from './steps.mjs';

await main(async () => {
  await ensureInstalled();
  await ensureBuilt();
  const program = join(ROOT, 'dist', 'test', 'acceptance', 'main.js');
  return await runNode([program, ...process.argv.slice(2)]);
});
