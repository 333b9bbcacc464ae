/**
 * `npm run sim -- [--seeds A..B] [--mode M] ...`: whole clusters in a simulated world, under faults; with
 * `--nasty` the scripted scenarios, with `--mutants` the planted faults, with `--versions` the same seeds under several
 * versions of Node.js. What it does is in sim/; here is only the set-up, so that it works straight after a clone.
 */
import { join } from 'node:path';

import { ensureBuilt, ensureInstalled } from './setup.mjs';
import { main, ROOT, runNode } from './steps.mjs';

const SCRIPTS = new Map([
  ['--mutants', 'mutants.mjs'],
  ['--versions', 'versions.mjs'],
]);

await main(async () => {
  await ensureInstalled();
  await ensureBuilt();
  const args = process.argv.slice(2);
  const script = SCRIPTS.get(args[0]);
  if (script !== undefined) {
    return await runNode([join(ROOT, 'scripts', script), ...args.slice(1)]);
  }
  const program = args[0] === '--nasty' ? ['nasty', 'main.js'] : ['run', 'main.js'];
  const rest = args[0] === '--nasty' ? args.slice(1) : args;
  return await runNode([join(ROOT, 'dist', 'sim', ...program), ...rest]);
});
