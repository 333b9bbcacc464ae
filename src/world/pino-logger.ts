/**
 * Log lines through pino: one JSON object a line, with `level` (by name), `time` (ISO 8601, UTC),
 * `event` (a stable name such as `leader.elected`) and the event's own fields.
 *
 * The rule that it protects: logging never stops the consensus loop and never ends the process. Lines
 * are buffered and written asynchronously; when whoever reads them is too slow, lines beyond
 * `BUFFER_BYTES_MAX` are dropped, not waited for; an error of the destination (a full disk under the
 * log file, a closed pipe) is swallowed. At the end of the process what is buffered is flushed by pino;
 * only kill -9 loses the last lines, which is why nothing may rest on them.
 *
 * Field names `level`, `time` and `event` belong to the line. An `Error` as a field's value is written
 * as name, code and message, with the stack only for errors that carry no code of ours: those are bugs.
 */
import { openSync } from 'node:fs';
import { createRequire } from 'node:module';

import type { Logger as Pino } from 'pino';

import type { LogFields, Logger } from './types.ts';

/** Bytes of lines that wait for a slow reader; beyond it lines are dropped. */
const BUFFER_BYTES_MAX = 4 * 1024 * 1024;

/**
 * The library is loaded by the first logger: an embedded node without one does without its 8 MiB. By
 * `require`, as a logger is made without a promise; bundlers do not see it.
 */
const load = createRequire(import.meta.url);

/** Where lines go, and which. */
export interface LogOptions {
  /** Lines below it are not written. Default `info`. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Default `stdout`. A file is appended to; its folder must exist. */
  readonly to?: 'stdout' | 'stderr' | { readonly file: string };
  /** Added to each line. */
  readonly fields?: LogFields;
  /** What each line's `time` is read from: ms since 1970. Default: the machine's wall clock. */
  readonly wallTime?: () => number;
}

/**
 * A logger that writes JSON lines, never waits, and drops lines rather than hold up the node. It loads the
 * package `pino` when it is called: who bundles his program keeps that one external.
 */
export function pinoLogger(options: LogOptions = {}): Logger {
  const { pino, destination } = load('pino') as typeof import('pino');
  const stream = destination({
    dest: descriptorOf(options.to ?? 'stdout'),
    sync: false,
    maxLength: BUFFER_BYTES_MAX,
  });
  stream.on('error', () => {});
  const wallTime = options.wallTime ?? Date.now;
  const target = pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: () => `,"time":"${new Date(wallTime()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  const fields = options.fields;
  return new PinoLogger(fields === undefined ? target : target.child(writable(fields)));
}

function descriptorOf(to: 'stdout' | 'stderr' | { readonly file: string }): number {
  if (to === 'stdout') return 1;
  if (to === 'stderr') return 2;
  return openSync(to.file, 'a', 0o640);
}

class PinoLogger implements Logger {
  readonly #target: Pino;

  constructor(target: Pino) {
    this.#target = target;
  }

  debug(event: string, fields?: LogFields): void {
    if (this.#target.isLevelEnabled('debug')) this.#target.debug(lineOf(event, fields));
  }

  info(event: string, fields?: LogFields): void {
    if (this.#target.isLevelEnabled('info')) this.#target.info(lineOf(event, fields));
  }

  warn(event: string, fields?: LogFields): void {
    if (this.#target.isLevelEnabled('warn')) this.#target.warn(lineOf(event, fields));
  }

  error(event: string, fields?: LogFields): void {
    if (this.#target.isLevelEnabled('error')) this.#target.error(lineOf(event, fields));
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.#target.child(writable(fields)));
  }
}

function lineOf(event: string, fields: LogFields | undefined): Record<string, unknown> {
  return fields === undefined ? { event } : { event, ...writable(fields) };
}

/** Fields as JSON can hold them, without the names that belong to the line. */
function writable(fields: LogFields): Record<string, unknown> {
  const line: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    const ownName = name === 'event' || name === 'level' || name === 'time' ? `${name}Field` : name;
    line[ownName] = writableValue(value);
  }
  return line;
}

function writableValue(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (!(value instanceof Error)) return value;
  const code = 'code' in value ? value.code : undefined;
  return code === undefined
    ? { name: value.name, message: value.message, stack: value.stack }
    : { name: value.name, code, message: value.message };
}
