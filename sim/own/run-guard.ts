/**
 * Whoever ends the process while runs are under way leaves no verdict behind, and a process that ends with 0
 * says that all is well: `process.exit(0)` in a machine would be a green build. So an end that comes before the
 * verdict is said, on the error stream of the process, and its exit code is 1.
 *
 * Not said is an end that the caller asked for, a second Ctrl-C, or one because his reader went away
 * (`| head`). An end because nothing is left to do (a promise that nobody fulfils) is told apart from one
 * that somebody asked for.
 */
import { type EventEmitter, errorMonitor } from 'node:events';
import { writeSync } from 'node:fs';

const STDERR = 2;

export interface RunGuardOptions {
  /** What is under way, for people: `seed 5`. */
  readonly what: () => string;
  /** The caller wants it to end. */
  readonly isEnding: () => boolean;
  readonly tell?: (line: string) => void;
}

/** Until `run` has settled, an end of the process is told and is a failure. */
export async function guarded<T>(run: () => Promise<T>, options: RunGuardOptions): Promise<T> {
  let isIdle = false;
  let isUnread = false;
  const onBroken = (): void => {
    isUnread = true;
  };
  const onIdle = (): void => {
    isIdle = true;
  };
  const onExit = (): void => {
    if (options.isEnding() || isUnread) return;
    process.exitCode = 1;
    const why = isIdle
      ? 'it waits for a promise that nothing fulfils (in check, restore or a snapshot), and nothing is left to do'
      : 'the machine ended the process (process.exit, or an error thrown outside of its functions)';
    (options.tell ?? tell)(`quorate: no verdict: ${why}, in ${options.what()}`);
  };
  const stdout: EventEmitter = process.stdout;
  // Watches only: an error that nobody listens to still ends the process.
  stdout.on(errorMonitor, onBroken);
  process.once('beforeExit', onIdle);
  process.once('exit', onExit);
  try {
    return await run();
  } finally {
    stdout.off(errorMonitor, onBroken);
    process.off('beforeExit', onIdle);
    process.off('exit', onExit);
  }
}

/** At once: nothing that is buffered is written any more. */
function tell(line: string): void {
  try {
    writeSync(STDERR, `${line}\n`);
  } catch {
    // Nobody reads; the exit code says it.
  }
}
