#!/usr/bin/env node
/**
 * The process behind the `quorate` command: hands arguments and streams to `run` and ends with the
 * code that it answers.
 *
 * The first Ctrl-C (or SIGTERM) asks the running command to end in good order, the second ends the
 * process at once: nobody is ever stuck in a terminal, and nothing acknowledged is lost by it. npm passes
 * a Ctrl-C on that the terminal has sent to everybody already; two within a moment are one.
 */
import { run } from './program.ts';
import { processTerminal } from './terminal.ts';

const EXIT_OF_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;
/** Signals closer together than this are one person's one wish. */
const ECHO_MS = 400;

const stop = new AbortController();
let stopAskedAt = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (!stop.signal.aborted) {
      stopAskedAt = performance.now();
      stop.abort(signal);
    } else if (performance.now() - stopAskedAt > ECHO_MS) process.exit(EXIT_OF_SIGNAL[signal]);
  });
}

const args = process.argv.slice(2);
const terminal = processTerminal({ outlivesReaders: args[0] === 'start' });
const code = await run(args, { ...terminal, signal: stop.signal });
process.exitCode = code;
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
// What is still open now (a keep-alive connection, a timer of a library) must not hold the process.
process.exit(code);

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}
