/**
 * How scripts talk: each step says what it does before it starts, and how long it took when it ends.
 * Node's own modules only, since this runs before anything is installed.
 */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Exit code 1 without a stack: the message says it all. */
export class StepFailed extends Error {}

/** Runs `work` under a title. What it throws goes on, after the line that says that it failed. */
export async function step(title, work) {
  const startMs = performance.now();
  process.stdout.write(`--> ${title}\n`);
  try {
    const result = await work();
    process.stdout.write(`    done in ${seconds(startMs)}\n`);
    return result;
  } catch (error) {
    process.stdout.write(`    FAILED after ${seconds(startMs)}\n`);
    throw error;
  }
}

function seconds(startMs) {
  return `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
}

/** Runs a program to its end, with its output going where ours goes. Resolves to its exit code. */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: ROOT, stdio: 'inherit', ...options });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(signal === null ? code : 1));
  });
}

/** A script of ours or of a package, in a Node process of its own. */
export function runNode(args, options) {
  return run(process.execPath, args, options);
}

/** For a script's last line: failures become an exit code, with a stack only where it helps. */
export async function main(work) {
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    process.stderr.write(`${error instanceof StepFailed ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}
