/**
 * `npm run fuzz -- [codec] [storage] [transport] [--seconds 60] [--seed N] [--replay FILE]`: random and
 * damaged input for whatever reads what others wrote. What it does is in fuzz/; here is only the set-up,
 * so that it works straight after a clone.
 */
import { join } from 'node:path';

import { ensureBuilt, ensureInstalled } from './setup.mjs';
import { main, ROOT, runNode } from './steps.mjs';

await main(async () => {
  await ensureInstalled();
  await ensureBuilt();
  return await runNode([join(ROOT, 'dist', 'fuzz', 'main.js'), ...process.argv.slice(2)]);
});
