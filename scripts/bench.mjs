/**
 * `npm run bench -- [NAME...] [--rounds N] [--seconds S] [--json FILE] ...`: what takes how long, against others;
 * `-- --help` says what there is. What is measured is in bench/; here is only the set-up, so that it works
 * straight after a clone.
 */
import { join } from 'node:path';

import { ensureBuilt, ensureInstalled } from './setup.mjs';
import { main, ROOT, runNode } from './steps.mjs';

await main(async () => {
  await ensureInstalled();
  await ensureBuilt();
  return await runNode([join(ROOT, 'dist', 'bench', 'main.js'), ...process.argv.slice(2)]);
});
