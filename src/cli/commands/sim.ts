/**
 * `quorate sim FILE`: tries the state machine of a module in the simulator of `quorate/sim`, which is loaded
 * only here, when somebody asks for it.
 *
 * What may go wrong is the user's file: it is not there, it throws, it exports nothing that can be tried. Each is
 * told with the path and with what the file is to look like.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { ClusterError } from '../../errors.ts';
import { shown } from '../../given.ts';
import { ExitCode } from '../exit-codes.ts';
import type { SimFlags } from '../flags.ts';
import { say, type Terminal, tell } from '../terminal.ts';

const SHAPE =
  'It is to export the machine and its commands by that name: ' +
  'export const simulation = { machine: () => new MyMachine(), command: (random, step) => ' +
  "Buffer.from('...') }";
/** Of real time, to find the place of a mistake. */
const CHECK_MS_MAX = 10_000;
const RANGE = /^(\d{1,15})(?:\.\.(\d{1,15}))?$/;

export async function sim(terminal: Terminal, file: string, flags: SimFlags): Promise<number> {
  const range = flags.seeds === undefined ? undefined : rangeOf(flags.seeds);
  const simulation = await load(resolve(terminal.cwd, file), file);
  const { simulate } = await import('../../../sim/index.ts');
  const print = (line: string): void => say(terminal, line);
  const work = simulate(simulation as Parameters<typeof simulate>[0], {
    ...(range === undefined ? {} : { seeds: range }),
    ...(flags.mode === undefined ? {} : { mode: flags.mode }),
    ...(flags.nodes === undefined ? {} : { nodes: flags.nodes }),
    ...(flags.trace === true ? { onTrace: print } : {}),
    ...(flags.json === true ? {} : { onLine: print }),
    ...(terminal.signal === undefined ? {} : { signal: terminal.signal }),
    // Who reads every line of a run has what a smaller run would show.
    shrink: flags.shrink && flags.trace !== true,
    stopAtFirst: flags.stopAtFirst === true,
    replayCommand: `quorate sim ${file}`,
  });
  const report = await work.catch((error: unknown) => {
    // Elsewhere the lines of the run have said it.
    if (flags.json === true && isInterrupted(error)) {
      print(JSON.stringify(error.details['report'] ?? { isOk: false }));
      tell(terminal, `quorate: ${error.message}`);
    }
    throw error;
  });
  if (flags.json === true) print(JSON.stringify(report));
  return report.isOk ? ExitCode.ok : ExitCode.failed;
}

function isInterrupted(error: unknown): error is ClusterError {
  return error instanceof ClusterError && error.code === 'ABORTED';
}

/** @throws ClusterError REQUEST_INVALID. */
async function load(path: string, file: string): Promise<unknown> {
  if (!existsSync(path)) throw wrong(`${path} does not exist: give a JavaScript module`);
  if (!statSync(path).isFile()) throw wrong(`${path} is no file: give a JavaScript module`);
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    throw wrong(`${file} can not be loaded: ${reasonOf(error, path)}`, error);
  }
  const { simulation } = module;
  if (simulation !== undefined) return simulation;
  const names = Object.keys(module);
  const has = names.length === 0 ? 'it exports nothing' : `it exports ${names.join(', ')}`;
  throw wrong(`${file} exports no simulation (${has}). ${SHAPE}`);
}

function reasonOf(error: unknown, path: string): string {
  if (!(error instanceof Error)) return `it threw ${shown(error)}`;
  if ((error as NodeJS.ErrnoException).code === 'ERR_UNKNOWN_FILE_EXTENSION') {
    return (
      `Node.js ${process.versions.node} does not load this kind of file. Give the JavaScript that it is ` +
      'built to; TypeScript itself is loaded by Node.js 22.18 and newer'
    );
  }
  const place = error instanceof SyntaxError ? syntaxPlace(path) : undefined;
  if (place !== undefined) return place;
  const lines = (error.stack ?? error.message).split('\n');
  const ours = lines.findIndex(
    (line) => line.includes(import.meta.url) || /^ +at async load /.test(line),
  );
  const own = ours === -1 ? lines : lines.slice(0, ours);
  return own.filter((line) => !/^ +at .*\bnode:/.test(line)).join('\n');
}

/** Where Node finds the mistake. Only a process that ends by it tells; parsing alone runs nothing of the file. */
function syntaxPlace(path: string): string | undefined {
  const { stderr } = spawnSync(process.execPath, ['--check', path], {
    encoding: 'utf8',
    timeout: CHECK_MS_MAX,
    windowsHide: true,
  });
  const lines = (stderr ?? '').split('\n');
  const end = lines.findIndex((line) => /^SyntaxError\b/.test(line));
  const from = lines.findIndex((line) => line.includes(basename(path)) && /:\d+$/.test(line));
  if (from === -1 || end < from) return undefined;
  return ['it is no JavaScript', ...lines.slice(from, end + 1)].join('\n');
}

/** @throws ClusterError REQUEST_INVALID. */
function rangeOf(text: string): { readonly from: number; readonly to: number } {
  const [, from, to = from] = RANGE.exec(text) ?? [];
  if (from !== undefined) return { from: Number(from), to: Number(to) };
  throw wrong(`--seeds ${text} is no range of seeds: give A..B, such as 1..200, or one seed`);
}

function wrong(message: string, cause?: unknown): ClusterError {
  return new ClusterError('REQUEST_INVALID', message, cause === undefined ? {} : { cause });
}
