/**
 * `quorate kv import` and `export`: many records, a bounded number of requests under way, progress, and
 * exact counts at the end.
 *
 * The rule that it protects: what was not acknowledged is never counted as written. When an import ends
 * early, it names the line up to which *everything* is in; lines behind it may or may not be, and
 * writing them again is harmless, since a put is idempotent.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';

import type { QuorateClient } from '../../client/index.ts';
import { ClusterError } from '../../errors.ts';
import { textOf } from '../../given.ts';
import { ExitCode, exitCodeOf } from '../exit-codes.ts';
import type { ImportFlags, KvFlags } from '../flags.ts';
import { durationText, Progress } from '../kv/progress.ts';
import { type KvRecord, parseLine, parseRecord, recordLine } from '../kv/records.ts';
import { errorLines } from '../report-error.ts';
import { type Terminal, tell } from '../terminal.ts';
import { withClient } from './kv.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

interface Source {
  readonly stream: Readable;
  readonly bytes: number | undefined;
}

async function openSource(terminal: Terminal, file: string): Promise<Source> {
  if (file === '-') return { stream: terminal.stdin, bytes: undefined };
  const path = resolve(terminal.cwd, file);
  const { size } = await stat(path);
  return { stream: createReadStream(path), bytes: size };
}

export async function importRecords(
  terminal: Terminal,
  file: string,
  flags: ImportFlags,
): Promise<number> {
  const source = await openSource(terminal, file);
  return await withClient(terminal, flags, async (client) => {
    const run = new Import(terminal, client, flags, source);
    return await run.run();
  });
}

class Import {
  readonly #terminal: Terminal;
  readonly #client: QuorateClient;
  readonly #flags: ImportFlags;
  readonly #source: Source;
  readonly #progress: Progress;
  /** Lines whose put is under way. */
  readonly #underWay = new Map<number, Promise<void>>();
  #wake: (() => void) | undefined;
  #readBytes = 0;
  #lines = 0;
  #skipped = 0;
  #failure: unknown;
  /** Lowest line that is not surely in. */
  #firstOpen: number | undefined;

  constructor(terminal: Terminal, client: QuorateClient, flags: ImportFlags, source: Source) {
    this.#terminal = terminal;
    this.#client = client;
    this.#flags = flags;
    this.#source = source;
    const total = source.bytes;
    this.#progress = new Progress({
      terminal,
      noun: 'records',
      share: () => (total === undefined || total === 0 ? undefined : this.#readBytes / total),
    });
  }

  async run(): Promise<number> {
    try {
      for await (const line of linesOf(this.#source.stream)) {
        this.#lines++;
        this.#readBytes += line.length + 1;
        if (this.#failure !== undefined || this.#terminal.signal?.aborted === true) break;
        if (this.#lines < this.#flags.fromLine) continue;
        const record = this.#parse(line);
        if (record === undefined) continue;
        await this.#room();
        this.#begin(this.#lines, record);
      }
    } catch (error) {
      this.#fail(this.#lines, error);
    }
    await Promise.all(this.#underWay.values());
    if (this.#failure === undefined && this.#terminal.signal?.aborted === true) {
      this.#fail(this.#lines, new ClusterError('ABORTED', 'the import was interrupted'));
    }
    return this.#report();
  }

  #parse(line: Uint8Array): KvRecord | undefined {
    const { format, prefix, skipInvalid } = this.#flags;
    const parse = format === 'lines' ? parseLine : parseRecord;
    try {
      return parse(line, this.#lines, prefix);
    } catch (error) {
      if (skipInvalid !== true) throw error;
      this.#skipped++;
      this.#progress.end();
      tell(this.#terminal, `skipped: ${textOf(error)}`);
      return undefined;
    }
  }

  async #room(): Promise<void> {
    while (this.#underWay.size >= this.#flags.inFlight) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #begin(line: number, { key, value }: KvRecord): void {
    const done = this.#client
      .put(key, value)
      .then(
        () => this.#progress.add(),
        (error: unknown) => this.#fail(line, error),
      )
      .then(() => {
        this.#underWay.delete(line);
        this.#wake?.();
      });
    this.#underWay.set(line, done);
  }

  #fail(line: number, error: unknown): void {
    this.#firstOpen = Math.min(this.#firstOpen ?? line, line);
    this.#failure ??= error;
  }

  #report(): number {
    this.#progress.end();
    const { count, seconds, ratePerSecond } = this.#progress;
    const skipped = this.#skipped === 0 ? '' : `, ${this.#skipped} skipped`;
    const pace = `in ${durationText(seconds)} (${Math.round(ratePerSecond)}/s)`;
    if (this.#failure === undefined) {
      tell(this.#terminal, `imported ${count} records${skipped} ${pace}`);
      return this.#skipped === 0 ? ExitCode.ok : ExitCode.failed;
    }
    for (const text of errorLines(this.#failure)) tell(this.#terminal, text);
    const from = this.#firstOpen ?? this.#lines;
    tell(
      this.#terminal,
      `imported ${count} records${skipped} ${pace}, then stopped. ` +
        `All lines before ${from} are in; go on with --from-line ${from}`,
    );
    const interrupted = this.#terminal.signal?.aborted === true;
    return interrupted ? ExitCode.interrupted : exitCodeOf(this.#failure);
  }
}

/** Lines of a stream, as the bytes that they are, without their ends and without a byte order mark. */
async function* linesOf(stream: Readable): AsyncGenerator<Uint8Array> {
  let rest: Buffer[] = [];
  let isFirst = true;
  const whole = (part: Buffer): Buffer => {
    const line = rest.length === 0 ? part : Buffer.concat([...rest, part]);
    rest = [];
    const begin = isFirst && line.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0;
    isFirst = false;
    return line.subarray(begin, line.at(-1) === RETURN ? -1 : undefined);
  };
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk as Uint8Array);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      yield whole(bytes.subarray(start, end));
      start = end + 1;
    }
    if (start < bytes.length) rest.push(bytes.subarray(start));
  }
  if (rest.length > 0) yield whole(Buffer.alloc(0));
}

export async function exportRecords(
  terminal: Terminal,
  file: string,
  flags: KvFlags & { readonly prefix: string },
): Promise<number> {
  const isStdout = file === '-';
  const out = isStdout ? terminal.stdout : createWriteStream(resolve(terminal.cwd, file));
  const failed = new Promise<never>((_, reject) => out.once('error', reject));
  failed.catch(() => {});
  const progress = new Progress({ terminal, noun: 'records', share: () => undefined });
  const range = flags.prefix === '' ? {} : { prefix: flags.prefix };
  const consistency = flags.local === true ? 'local' : 'linearizable';
  await withClient(terminal, flags, async (client) => {
    const revisionOf = async () => (await client.range({ key: 'x' }, { limit: 1 })).revision;
    const first = await revisionOf();
    for await (const item of client.list(range, { consistency })) {
      if (terminal.signal?.aborted === true) throw new ClusterError('ABORTED', 'interrupted');
      if (!out.write(`${recordLine(item)}\n`)) await Promise.race([drained(out), failed]);
      progress.add();
    }
    if (!isStdout) await Promise.race([ended(out), failed]);
    const last = await revisionOf();
    progress.end();
    const span = first === last ? `at revision ${first}` : `between revisions ${first} and ${last}`;
    tell(
      terminal,
      `exported ${progress.count} records ${span} in ${durationText(progress.seconds)}`,
    );
  });
  return ExitCode.ok;
}

function drained(out: Writable): Promise<void> {
  return new Promise((resolve) => {
    out.once('drain', () => resolve());
  });
}

function ended(out: Writable): Promise<void> {
  return new Promise((resolve) => {
    out.end(() => resolve());
  });
}
