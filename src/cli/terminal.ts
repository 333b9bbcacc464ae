/**
 * What a command may touch of the process that runs it: its streams, its environment, its folder.
 * Commands take this as a parameter, so that tests run them in process and read what they said.
 *
 * Data goes to `stdout`, everything for people to `stderr`. A reader that went away (`| head`) is
 * no error: the process ends quietly, as other programs do, with their exit code for it.
 */
import type { Readable, Writable } from 'node:stream';

import { ExitCode } from './exit-codes.ts';

export interface Terminal {
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stdin: Readable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Set for the length of a command: aborted by Ctrl-C or SIGTERM. */
  readonly signal?: AbortSignal;
}

/** `outlivesReaders`: a daemon goes on when nobody reads what it says; a filter ends. */
export function processTerminal(options: { readonly outlivesReaders: boolean }): Terminal {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (options.outlivesReaders) return;
      if (error.code === 'EPIPE') process.exit(process.exitCode ?? ExitCode.noReader);
      throw error;
    });
  }
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
    cwd: process.cwd(),
  };
}

export function say(terminal: Terminal, line: string): void {
  terminal.stdout.write(`${line}\n`);
}

export function tell(terminal: Terminal, line: string): void {
  terminal.stderr.write(`${line}\n`);
}

/** Rows of cells, all as many as the first has, as lines of columns. */
export function tableLines(rows: readonly (readonly string[])[], indent = 0): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) => {
    const cells = row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ');
    return `${' '.repeat(indent)}${cells}`.trimEnd();
  });
}

/** Colours only where somebody looks, and never against NO_COLOR's word. */
export function wantsColor(terminal: Terminal): boolean {
  return terminal.stdout.isTTY === true && (terminal.env['NO_COLOR'] ?? '') === '';
}
