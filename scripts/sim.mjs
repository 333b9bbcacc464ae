/**
 * `npm run sim -- [--seeds A..B] [--mode M] ...`: whole clusters in a simulated world, under faults; with
 * `--nasty` the scripted scenarios, with `--mutants` the planted faults. What it does is in sim/; here is
 * only the set-up, so that it works straight after a clone.
 */
import { join } from 'node:path';

import { ensureBuilt, ensureInstalled } from './setup.mjs';
import { main, ROOT, runNode } from './steps.mjs';

await main(async () => {
  await ensureInstalled();
  await ensureBuilt();
  const args = process.argv.slice(2);
  if (args[0] === '--mutants')
    return await runNode([join(ROOT, 'scripts', 'mutants.mjs'), ...args.slice(1)]);
  const program = args[0] === '--nasty' ? ['nasty', 'main.js'] : ['run', 'main.js'];
  const rest = args[0] === '--nasty' ? args.slice(1) : args;
  return await runNode([join(ROOT, 'dist', 'sim', ...program), ...rest]);
});
