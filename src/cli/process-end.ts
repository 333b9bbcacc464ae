/**
 * How our programs come to an end: `quorate`, and the commands of the simulator.
 *
 * The first Ctrl-C (or SIGTERM) asks the work to end in good order, the second ends the process at once: nobody
 * is ever stuck in a terminal, and nothing acknowledged is lost by it. npm and scripts pass a Ctrl-C on that the
 * terminal has sent to everybody already; two within a moment are one.
 */
const EXIT_OF_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;
/** Signals closer together than this are one person's one wish. */
const ECHO_MS = 400;

export interface StopAsked {
  /** Aborted when the work is to end; the reason is the name of what asked for it. */
  readonly signal: AbortSignal;
  /** The exit code of a program that ended because of it; `undefined` while nobody has asked. */
  readonly code: () => number | undefined;
}

/** Listens from now on, for as long as the process lives. */
export function stopWhenAsked(): StopAsked {
  const stop = new AbortController();
  let code: number | undefined;
  let askedAt = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (code === undefined) {
        code = EXIT_OF_SIGNAL[signal];
        askedAt = performance.now();
        stop.abort(signal);
      } else if (performance.now() - askedAt > ECHO_MS) process.exit(EXIT_OF_SIGNAL[signal]);
    });
  }
  return { signal: stop.signal, code: () => code };
}

/** When all is written: what is still open then (a connection, a timer of a library) does not hold the process. */
export async function endProcess(code: number): Promise<never> {
  process.exitCode = code;
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(code);
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}
