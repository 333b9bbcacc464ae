/**
 * How scripts talk: each step says what it does before it starts, and how long it took when it ends.
 * Node's own modules only, since this runs before anything is installed.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Exit code 1 without a stack: the message says it all. */
export class StepFailed extends Error {}

/** Exit code 2: nothing was done, since it was asked wrongly. The message names what, and what to do. */
export class WrongArguments extends StepFailed {}

/** What interrupts a script. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** As of a program that SIGPIPE ends. */
const NO_READER = 141;

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
  return endOf(spawn(program, args, { cwd: ROOT, stdio: 'inherit', ...options }));
}

/** A script of ours or of a package, in a Node process of its own. */
export function runNode(args, options) {
  return run(process.execPath, args, options);
}

/**
 * The exit code of a program that was started. What interrupts this process meanwhile is passed on, so that nothing
 * is left running, and the program's end is waited for: it tidies up, and tells what it knows. Then this process
 * ends, too, whatever it had still meant to do.
 */
export function endOf(child) {
  return new Promise((resolve, reject) => {
    let asked;
    const pass = (signal) => {
      asked = signal;
      child.kill(signal);
    };
    const leave = () => {
      for (const signal of SIGNALS) process.off(signal, pass);
    };
    for (const signal of SIGNALS) process.on(signal, pass);
    child.on('error', (error) => {
      leave();
      reject(error);
    });
    child.on('close', (code, signal) => {
      leave();
      const ended = code ?? exitCodeOf(signal);
      if (asked !== undefined) process.exit(ended === 0 ? exitCodeOf(asked) : ended);
      resolve(ended);
    });
  });
}

/** As shells count it. */
export function exitCodeOf(signal) {
  return 128 + constants.signals[signal];
}

/**
 * For a script's last line: failures become an exit code, with a stack only where it helps. `help`: the command that
 * tells how to ask.
 */
export async function main(work, help) {
  process.stdout.on('error', (error) => {
    // Nobody reads any more: no verdict, and nothing to be said.
    if (error.code === 'EPIPE') process.exit(NO_READER);
    throw error;
  });
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    // The second is one of sim/run/given-options.ts, of the build.
    const isWronglyAsked = error instanceof WrongArguments || error.name === 'UsageError';
    const isToldByMessage = isWronglyAsked || error instanceof StepFailed;
    process.stderr.write(`${isToldByMessage ? error.message : error.stack}\n`);
    if (isWronglyAsked && help !== undefined) {
      process.stderr.write(`${help} tells what can be asked\n`);
    }
    process.exitCode = isWronglyAsked ? 2 : 1;
  }
}
