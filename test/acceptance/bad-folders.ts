/** Data folders that belong to somebody else, or are damaged. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePorts } from '../free-ports.ts';
import type { Cluster } from './cluster.ts';
import { CommandProcess, runCommand } from './daemon-process.ts';
import { expectCommand } from './expecting.ts';
import type { Report } from './report.ts';

export async function badFolders(report: Report, cluster: Cluster): Promise<void> {
  report.section('Data folders');
  const pid = cluster.process('n1')?.pid;
  await expectCommand(
    report,
    'the data folder is in use by another process',
    ['start', '--config', cluster.node('n1').config],
    { code: 4, says: [cluster.node('n1').folder, `${pid}`, 'give this node a folder of its own'] },
  );
  const cwd = mkdtempSync(join(tmpdir(), 'quorate-bad-folder-'));
  try {
    await foreignFolders(report, cwd);
    await damagedLog(report, cwd);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

async function soloFlags(name: string, id: string): Promise<string[]> {
  const [a, b, c, d] = await freePorts(4);
  return [
    ...['start', '--cluster-name', name, '--node-id', id, '--data-dir', 'data'],
    ...['--member', `${id}=127.0.0.1:${a}`, '--log-file', 'log'],
    ...['--listen-peers', `127.0.0.1:${a}`, '--listen-clients', `127.0.0.1:${b}`],
    ...['--listen-http', `127.0.0.1:${c}`],
    ...(id === 'n1' ? [] : ['--member', `n1=127.0.0.1:${d}`]),
  ];
}

async function foreignFolders(report: Report, cwd: string): Promise<void> {
  const flags = await soloFlags('orders', 'n1');
  const first = new CommandProcess(flags, { cwd });
  await first.ready(20_000);
  const client = flags[flags.indexOf('--listen-clients') + 1] ?? '';
  for (let i = 0; i < 50; i++) {
    await runCommandQuietly(
      ['kv', 'put', `key/${i}`, 'x'.repeat(100), '--nodes', client],
      i % 25 === 0,
    );
  }
  first.kill('SIGTERM');
  const { code } = await first.ended(15_000);
  report.check(code === 0, 'a stop in good order ends with 0', `got ${code}`);
  await expectCommand(
    report,
    'the data folder of another cluster',
    await soloFlags('billing', 'n1'),
    { code: 5, says: ['"orders"', '"billing"', 'point the node to a folder of its own'] },
    { cwd },
  );
  await expectCommand(
    report,
    'the data folder of another node',
    await soloFlags('orders', 'n2'),
    { code: 5, says: ['"n1"', '"n2"', 'point the node to a folder of its own'] },
    { cwd },
  );
}

async function runCommandQuietly(args: readonly string[], isWanted: boolean): Promise<void> {
  if (isWanted) await runCommand(args);
}

/** One bit, in the middle of what was acknowledged. */
async function damagedLog(report: Report, cwd: string): Promise<void> {
  const segment = filesBelow(join(cwd, 'data')).find(
    (path) => /log|wal/.test(path) && statSync(path).size > 4096,
  );
  if (segment === undefined) {
    report.check(false, 'a damaged log', 'no segment found');
    return;
  }
  const bytes = readFileSync(segment);
  const at = bytes.indexOf('key/0');
  const position = at > 0 ? at : 300;
  bytes[position] = (bytes[position] ?? 0) ^ 0x10;
  writeFileSync(segment, bytes);
  await expectCommand(
    report,
    'one flipped bit in the log',
    await soloFlags('orders', 'n1'),
    {
      code: 8,
      says: [segment.split('/').at(-1) ?? '', 'is damaged at offset', 'Remove this member'],
    },
    { cwd },
  );
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
