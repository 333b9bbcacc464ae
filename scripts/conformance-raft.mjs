/**
 * `npm run conformance:raft -- DIR...`: builds if need be, then runs the raft core against the scripts
 * in the folders given. Plain Node, so that it works right after a clone.
 */
import { join } from 'node:path';

import { main, ROOT, runNode } from './steps.mjs';

await main(async () => {
  const built = await runNode([join(ROOT, 'scripts', 'build.mjs')]);
  if (built !== 0) return built;
  const program = join(ROOT, 'dist', 'conformance', 'raft', 'main.js');
  // Folders are meant from where it was called.
  return await runNode([program, ...process.argv.slice(2)], { cwd: process.cwd() });
});
