/**
 * How the commands of the simulator begin and end, the same for all of them: `npm run sim`, with and without
 * `--nasty`.
 *
 * - 0: nothing was found, 1: something was, 2: it was asked wrongly, in a line or two.
 * - Ctrl-C or SIGTERM once: the work ends and tells what is known by then; 130 or 143. Twice: at once.
 * - Nobody reads any more what is printed (`| head`): it ends, and says nothing; 141, as of a program that SIGPIPE
 *   ends, so that it is not taken for a verdict.
 */
import { ExitCode } from '../../src/cli/exit-codes.ts';
import { endProcess, stopWhenAsked } from '../../src/cli/process-end.ts';
import { UsageError } from './given-options.ts';

export interface CommandSurroundings {
  readonly args: readonly string[];
  readonly print: (line: string) => void;
  /** Aborted when the work is to end. */
  readonly signal: AbortSignal;
}

/** `help`: what tells how to ask. `work` answers the exit code. */
export async function runCommand(
  help: string,
  work: (surroundings: CommandSurroundings) => Promise<number>,
): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => process.exit(process.exitCode ?? ExitCode.noReader));
  }
  const stop = stopWhenAsked();
  let code: number;
  try {
    const ended = await work({
      args: process.argv.slice(2),
      print: (line) => process.stdout.write(`${line}\n`),
      signal: stop.signal,
    });
    code = stop.code() ?? ended;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n${help} tells what can be asked\n`);
    code = ExitCode.usage;
  }
  // Also where what was interrupted is still running.
  await endProcess(code);
}
