/**
 * `npm run chaos -- [--minutes N] [--nodes 3|5|7] [--history FILE] [--seed N] [--faults a,b] [--quick]`, or
 * `--check FILE`, `--prove`, `--help`: real daemons under real faults, judged from outside. What it does is
 * in test/chaos/; here is only the set-up, so that it works straight after a clone.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { ensureBuilt, ensureInstalled } from './setup.mjs';
import { main, ROOT } from './steps.mjs';

/** As shells count it: 128 and SIGINT. */
const INTERRUPTED = 130;

await main(async () => {
  await ensureInstalled();
  await ensureBuilt();
  const program = join(ROOT, 'dist', 'test', 'chaos', 'main.js');
  return await untilItEnds([program, ...process.argv.slice(2)]);
});

/** What interrupts this process is passed on, and waited for: the program tidies up after itself. */
function untilItEnds(args) {
  // Where it was called: npm has gone to the root of the repository.
  const env = { ...process.env, INIT_CWD: process.env.INIT_CWD ?? process.cwd() };
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => child.kill(signal));
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? INTERRUPTED));
  });
}
