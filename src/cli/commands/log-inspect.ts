/**
 * `quorate log inspect DIR`: what a data folder holds, for people who wonder whose it is, how far it got
 * and what is wrong with it. Reads only, takes no lock, and may look at the folder of a running node.
 *
 * The exit code is the one that a node would end with that was started on the folder: 8 for damage, 10 for
 * quarantine, and so on; 0 means that nothing speaks against starting it.
 */
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { ClusterError } from '../../errors.ts';
import {
  type DataFolderReport,
  inspect,
  inspectEntries,
  type LogReport,
  readSnapshotSection,
} from '../../storage/index.ts';
import { type Disk, type FolderHolder, folderHolder, realDisk } from '../../world/index.ts';
import { ExitCode } from '../exit-codes.ts';
import { say, type Terminal, wantsColor } from '../terminal.ts';
import { entryLine, entryObject, entryTitle, folderLines, type MemberNames } from './log-report.ts';

export interface InspectFlags {
  readonly entries?: string;
  readonly json?: boolean;
}

/** The first line of the section that a node writes into its snapshots; it is far shorter. */
const NODE_LINE_BYTES_MAX = 256 * 1024;
const RANGE = /^(?:(\d{1,15})|(\d{1,15})?\.\.(\d{1,15})?)$/;

export async function inspectFolder(
  terminal: Terminal,
  dir: string,
  flags: InspectFlags,
): Promise<number> {
  if (dir.trim() === '') {
    throw new ClusterError(
      'REQUEST_INVALID',
      `the data folder is ${JSON.stringify(dir)}: give the path of one, or "." for this folder`,
      { details: { field: 'dir' } },
    );
  }
  const directory = resolve(terminal.cwd, dir);
  const disk = realDisk();
  const report = await inspect(disk, directory).catch((error: unknown) => {
    throw withHint(error, directory);
  });
  if (flags.entries !== undefined) return await printEntries(terminal, disk, report, flags);
  const holder = await folderHolder(directory).catch(() => undefined);
  const isJson = flags.json === true;
  if (isJson)
    say(terminal, JSON.stringify({ ...report, ...(holder === undefined ? {} : { holder }) }));
  else await printReport(terminal, disk, report, holder);
  return exitCodeFor(report);
}

async function printReport(
  terminal: Terminal,
  disk: Disk,
  report: DataFolderReport,
  holder: FolderHolder | undefined,
): Promise<void> {
  const names = await memberNames(disk, report);
  const lines = folderLines({ report, holder, names, color: wantsColor(terminal) });
  for (const line of lines) say(terminal, line);
}

/** What a node would say of it. */
function exitCodeFor(report: DataFolderReport): number {
  const facts = new Set(report.facts.map((fact) => fact.name));
  if (report.damage.length > 0 || facts.has('rolled-back')) return ExitCode.dataCorrupt;
  if (facts.has('quarantine')) return ExitCode.stateUntrusted;
  if (facts.has('removed')) return ExitCode.notMember;
  return ExitCode.ok;
}

/** Somebody pointed one or two folders too high. */
function withHint(error: unknown, directory: string): unknown {
  if (!(error instanceof ClusterError) || error.code !== 'DATA_DIR_MISSING') return error;
  const below = foldersBelow(directory);
  const hint =
    below.length === 0
      ? 'Give the folder that node.dataDir of the configuration names'
      : `Did you mean ${below.join(' or ')}?`;
  return new ClusterError(error.code, `${error.message}. ${hint}`, { details: error.details });
}

function foldersBelow(directory: string): string[] {
  const found: string[] = [];
  const look = (folder: string, depth: number): void => {
    let names: readonly string[] = [];
    try {
      names = readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() || entry.name === 'IDENTITY')
        .map((entry) => entry.name);
    } catch {
      // What can not be read is no hint.
    }
    if (names.includes('IDENTITY')) {
      found.push(folder);
      return;
    }
    if (depth > 0) for (const name of names.slice(0, 20)) look(join(folder, name), depth - 1);
  };
  look(directory, 2);
  return found.sort().slice(0, 5);
}

/** Names of the members, as the newest readable snapshot knows them: the log itself has numbers only. */
async function memberNames(disk: Disk, report: DataFolderReport): Promise<MemberNames> {
  const names = new Map<number, string>();
  if (report.identity !== undefined) names.set(report.identity.raftId, report.identity.nodeId);
  const [newest] = report.snapshots;
  if (newest === undefined) return names;
  try {
    let text = '';
    for await (const chunk of readSnapshotSection(disk, newest, 'node')) {
      text += Buffer.from(chunk).toString('utf8');
      if (text.includes('\n') || text.length > NODE_LINE_BYTES_MAX) break;
    }
    const line = JSON.parse(text.split('\n')[0] ?? '') as { members?: unknown };
    for (const member of Array.isArray(line.members) ? (line.members as unknown[]) : []) {
      const { raftId, nodeId } = member as { raftId?: unknown; nodeId?: unknown };
      if (typeof raftId === 'number' && typeof nodeId === 'string') names.set(raftId, nodeId);
    }
  } catch {
    // A snapshot of another program's state machine has no such section. Numbers must do.
  }
  return names;
}

async function printEntries(
  terminal: Terminal,
  disk: Disk,
  report: DataFolderReport,
  flags: InspectFlags,
): Promise<number> {
  const { log } = report;
  if (log === undefined) {
    throw new ClusterError(
      'DATA_CORRUPT',
      report.damage[0]?.message ?? `there is no log in ${report.directory}`,
    );
  }
  const { from, to } = rangeOf(flags.entries ?? '', log);
  if (flags.json !== true) say(terminal, entryTitle());
  for await (const entry of inspectEntries(disk, report.directory, from, to)) {
    const line = flags.json === true ? JSON.stringify(entryObject(entry)) : entryLine(entry);
    if (!terminal.stdout.write(`${line}\n`)) await drained(terminal);
  }
  return exitCodeFor(report);
}

/** @throws ClusterError REQUEST_INVALID when it is no range, or lies outside of the log. */
function rangeOf(text: string, log: LogReport): { readonly from: number; readonly to: number } {
  const match = RANGE.exec(text);
  const { firstIndex, lastIndex } = log;
  const has =
    log.entries === 0 ? 'the log is empty' : `the log holds entries ${firstIndex} to ${lastIndex}`;
  if (match === null) {
    throw new ClusterError(
      'REQUEST_INVALID',
      `--entries has "${text}": expected FROM..TO, FROM.., ..TO or one index; ${has}`,
    );
  }
  const [, one, low, high] = match;
  const from = Number(one ?? low ?? firstIndex);
  // Open to the end, so that damage that ends the log is told behind the last line.
  const to = Number(one ?? high ?? Number.MAX_SAFE_INTEGER);
  if (from > to || from > lastIndex || to < firstIndex) {
    throw new ClusterError('REQUEST_INVALID', `--entries ${text} names no entry: ${has}`);
  }
  return { from, to };
}

function drained(terminal: Terminal): Promise<void> {
  return new Promise((done) => terminal.stdout.once('drain', done));
}
