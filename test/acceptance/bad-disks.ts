/**
 * A full disk and a failed sync: the node's participation ends with an exit code of its own, it says so, it
 * acknowledges nothing any more, and the others go on without it. What it had acknowledged is still there.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePorts } from '../free-ports.ts';
import { Cluster } from './cluster.ts';
import { CommandProcess } from './daemon-process.ts';
import { expectEnd, http } from './expecting.ts';
import type { Report } from './report.ts';

const DISK_MIB = 6;
const WRITES_MAX = 2_000;
const VALUE_BYTES = 32 * 1024;

export async function badDisks(report: Report): Promise<void> {
  report.section('Disks');
  await report.step('a failed sync', () => failedSync(report));
  await report.step('a full disk', () => fullDisk(report));
}

async function failedSync(report: Report): Promise<void> {
  const cluster = await Cluster.make({ name: 'failing', extra: 'testing: { disk: failing-sync }' });
  try {
    await cluster.startAll();
    const leader = await cluster.leader();
    const node = cluster.node(leader);
    const put = (address: string, key: string) =>
      http(address, { method: 'PUT', path: `/v1/kv/${key}`, body: 'x' }).catch((error: Error) => ({
        status: 0,
        text: error.message,
      }));
    await put(node.http, 'before');
    writeFileSync(join(node.folder, 'data', 'FAIL-SYNC'), '');
    // Its followers may still commit it; the node itself must not be the one that says so for its own disk.
    const during = await put(node.http, 'during');
    report.note(`the write during the fault: ${during.status} ${during.text.slice(0, 200)}`);
    const process = cluster.process(leader);
    if (process === undefined) throw new Error('the leader does not run');
    const says = [leader, 'what to do: check the disk'];
    await expectEnd(report, 'a failed sync ends the node', process, { code: 7, says });
    const other = cluster.nodes.find((one) => one.id !== leader)?.http ?? '';
    // A write that is on its way to the dead leader is answered "unknown"; one after the election is not.
    await cluster.leader();
    const after = await put(other, 'after');
    const kept = await http(other, { path: '/v1/kv/before' });
    const isRight = after.status === 200 && kept.status === 200;
    report.check(isRight, 'the others go on without it', `${after.status} ${kept.status}`);
    if (during.status === 200) {
      const there = await http(other, { path: '/v1/kv/during' });
      report.check(there.status === 200, 'what was acknowledged during the fault is on the others');
    }
  } finally {
    await cluster.remove();
  }
}

async function fullDisk(report: Report): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-full-'));
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', disk]);
  const isMounted = mount.status === 0;
  if (!isMounted)
    report.note('no right to mount a small disk: a limit on file sizes takes its place');
  try {
    await fillUp(report, folder, disk, isMounted);
  } finally {
    if (isMounted) spawnSync('umount', [disk]);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startSolo(
  folder: string,
  dataDir: string,
  isLimited: boolean,
): Promise<{ process: CommandProcess; address: string }> {
  const [a, b, c] = await freePorts(3);
  const flags = [
    ...['start', '--cluster-name', 'full', '--node-id', 'n1', '--data-dir', dataDir],
    ...['--member', 'n1=127.0.0.1:7999', '--log-file', join(folder, 'log')],
    ...['--listen-peers', `127.0.0.1:${a}`, '--listen-clients', `127.0.0.1:${b}`],
    ...['--listen-http', `127.0.0.1:${c}`],
  ];
  // Blocks of 512 bytes. SIGXFSZ would kill the process before it can say anything.
  const shell = `trap '' XFSZ; ulimit -f ${DISK_MIB * 2048}; exec "$@"`;
  const process = new CommandProcess(flags, { cwd: folder, ...(isLimited ? { shell } : {}) });
  await process.ready(20_000);
  return { process, address: `127.0.0.1:${c}` };
}

async function fillUp(
  report: Report,
  folder: string,
  disk: string,
  isMounted: boolean,
): Promise<void> {
  const { process, address } = await startSolo(folder, join(disk, 'data'), !isMounted);
  const acknowledged: string[] = [];
  let refusal = 'none';
  for (let i = 0; i < WRITES_MAX; i++) {
    const key = `full/${i}`;
    try {
      const body = Buffer.alloc(VALUE_BYTES, i % 251);
      const { status, text } = await http(address, { method: 'PUT', path: `/v1/kv/${key}`, body });
      if (status === 200) acknowledged.push(key);
      else {
        refusal = `${status} ${text}`;
        break;
      }
    } catch (error) {
      refusal = (error as Error).message;
      break;
    }
  }
  report.note(`${acknowledged.length} writes acknowledged; then: ${refusal.slice(0, 300)}`);
  report.check(
    acknowledged.length > 0 && acknowledged.length < WRITES_MAX,
    'the write that had no room was not acknowledged',
  );
  const says = ['full', 'what to do: free space'];
  await expectEnd(report, 'a full disk ends the node', process, { code: 6, says });
  const lines = readFileSync(join(folder, 'log'), 'utf8').split('\n');
  const said = lines.filter((line) => line.includes('DISK_FULL') && line.includes('.failed'));
  report.check(said.length === 1, 'its log says so once', said.join(' | ') || 'not at all');
  const roomy = join(folder, 'roomy');
  cpSync(join(disk, 'data'), roomy, { recursive: true, filter: (path) => !path.includes('LOCK') });
  const again = await startSolo(folder, roomy, false);
  let there = 0;
  for (const [i, key] of acknowledged.entries()) {
    const { status, text } = await http(again.address, { path: `/v1/kv/${key}` });
    if (status === 200 && text.length > 0 && i >= 0) there++;
  }
  report.check(
    there === acknowledged.length,
    'with room again, every acknowledged write is there',
    `${there} of ${acknowledged.length}`,
  );
  again.process.kill('SIGKILL');
  await again.process.exit;
}
