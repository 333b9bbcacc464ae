/**
 * How the commands of the simulator begin and end, the same for all of them: `npm run sim`, with and without
 * `--nasty`.
 *
 * - 0: nothing was found, 1: something was, 2: it was asked wrongly, in a line or two.
 * - Ctrl-C or SIGTERM once: the work ends and tells what is known by then; 130 or 143. Twice: at once. A Ctrl-C of
 *   the terminal comes again through npm and through the script; signals within a moment are one (as in src/cli/main.ts).
 * - Nobody reads any more what is printed (`| head`): it ends, and says nothing; 141, as of a program that SIGPIPE
 *   ends, so that it is not taken for a verdict.
 */
import { UsageError } from './given-options.ts';

export interface CommandSurroundings {
  readonly args: readonly string[];
  readonly print: (line: string) => void;
  /** Aborted when the work is to end. */
  readonly signal: AbortSignal;
}

const EXIT_OF_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;
const EXIT_WRONGLY_ASKED = 2;
const EXIT_NO_READER = 141;
/** Signals closer together than this are one person's one wish. */
const ECHO_MS = 400;

/** `help`: what tells how to ask. `work` answers the exit code. */
export async function runCommand(
  help: string,
  work: (surroundings: CommandSurroundings) => Promise<number>,
): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => process.exit(process.exitCode ?? EXIT_NO_READER));
  }
  const stop = new AbortController();
  let code: number;
  try {
    const asked = untilAsked(stop);
    const ended = await work({
      args: process.argv.slice(2),
      print: (line) => process.stdout.write(`${line}\n`),
      signal: stop.signal,
    });
    code = asked() ?? ended;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n${help} tells what can be asked\n`);
    code = EXIT_WRONGLY_ASKED;
  }
  process.exitCode = code;
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  // What was interrupted may still be running.
  process.exit(code);
}

/** Answers the exit code of the signal that has come, if one has. */
function untilAsked(stop: AbortController): () => number | undefined {
  let asked: number | undefined;
  let askedAt = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (asked === undefined) {
        asked = EXIT_OF_SIGNAL[signal];
        askedAt = performance.now();
        stop.abort(signal);
      } else if (performance.now() - askedAt > ECHO_MS) process.exit(EXIT_OF_SIGNAL[signal]);
    });
  }
  return () => asked;
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}
