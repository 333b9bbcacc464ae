/**
 * `npm run conformance:raft -- DIR...`: builds if need be, then runs the raft core against the scripts
 * in the folders given. Plain Node, so that it works right after a clone.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));

function run(args) {
  const { status, signal, error } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (error !== undefined) console.error(error.message);
  if (signal !== null && signal !== undefined) console.error(`ended by ${signal}`);
  return status ?? 1;
}

const build = path('scripts/build.mjs');
if (existsSync(build)) {
  const status = run([build]);
  if (status !== 0) process.exit(status);
}
process.exit(run([path('dist/conformance/raft/main.js'), ...process.argv.slice(2)]));
