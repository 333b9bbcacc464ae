/**
 * `npm start`: a cluster of three nodes on this machine, from a fresh clone, with one command.
 * Arguments go to `quorate dev`: `npm start -- --nodes 5`.
 *
 * The command runs in this very process, so that signals, exit code and terminal are its own and
 * nothing has to be passed on. But a signal to npm alone ends npm and its shell only; so when they are
 * gone, this ends as if it had been told.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { ensureBuilt, ensureInstalled } from './setup.mjs';
import { main, ROOT } from './steps.mjs';

const LOOK_MS = 500;
const COMMAND = join(ROOT, 'dist', 'src', 'cli', 'main.js');

if (process.env.npm_lifecycle_event === 'start') endWith(process.ppid);

await main(async () => {
  await ensureInstalled();
  await ensureBuilt();
});

if (process.exitCode === 0) {
  process.exitCode = undefined;
  process.argv.splice(1, 1, COMMAND, 'dev');
  await import(pathToFileURL(COMMAND).href);
}

function endWith(parent) {
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, LOOK_MS);
  timer.unref();
}
