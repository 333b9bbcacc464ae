/**
 * Goal: every command in docs/guides/membership.md works as it stands there, in its order. Method: the `sh`
 * blocks of the page are run against a cluster of `quorate dev` in a temporary folder and on free ports; the
 * page's ports and folder are replaced by those, nothing else. A `quorate start` goes on in the background
 * until a later command ends it, as in the reader's other terminal; where the page says that a node has
 * died, it is killed.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { ensureBuilt } from '../../scripts/setup.mjs';
import { freePort, freePorts } from '../free-ports.ts';
import { until } from '../waiting.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'dist/src/cli/main.js');
const STEP_MS = 60_000;

interface Started {
  readonly child: ChildProcess;
  output: string;
  code: number | null | undefined;
}

const folder = mkdtempSync(join(tmpdir(), 'quorate-members-guide-'));
const running = new Map<string, Started>();
/** By port of the page. */
const ports = new Map<string, number>();

function begin(name: string, args: readonly string[]): Started {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([variable]) => !variable.startsWith('QUORATE_')),
  );
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env });
  const started: Started = { child, output: '', code: undefined };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      started.output += text;
    });
  }
  child.once('close', (code) => {
    started.code = code;
  });
  running.set(name, started);
  return started;
}

async function end(name: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const started = running.get(name);
  if (started === undefined || started.code !== undefined) return;
  started.child.kill(signal);
  await until(`the end of ${name}`, STEP_MS, () => started.code !== undefined);
}

beforeAll(async () => {
  await ensureBuilt();
  const dev = begin('dev', ['dev', '--base-port', String(await freePort())]);
  await until('three nodes', STEP_MS, () => {
    if (dev.code !== undefined) throw new Error(dev.output);
    return /^ready: three nodes/m.test(dev.output);
  });
  const text = readFileSync(join(folder, '.quorate', 'cluster.json'), 'utf8');
  const { nodes } = JSON.parse(text) as { nodes: Record<'peers' | 'clients' | 'http', string>[] };
  const own = await freePorts(6);
  for (const [d, door] of (['peers', 'clients', 'http'] as const).entries()) {
    for (const [n, node] of nodes.entries()) {
      ports.set(`7${d + 1}0${n + 1}`, Number(node[door].split(':')[1]));
    }
    ports.set(`7${d + 1}04`, own[d * 2] ?? 0);
    ports.set(`7${d + 1}05`, own[d * 2 + 1] ?? 0);
  }
});

afterAll(async () => {
  for (const name of running.keys()) await end(name, name === 'dev' ? 'SIGTERM' : 'SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
});

function commands(): string[] {
  const page = readFileSync(join(ROOT, 'docs/guides/membership.md'), 'utf8');
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```/gms)].map((match) => match[1] ?? '');
  const lines = blocks.flatMap((block) => block.split('\n')).filter((line) => line !== '');
  return lines.map((line) => line.replace(/\b7[123]0\d\b/g, (port) => String(ports.get(port))));
}

function run(command: string): Promise<{ code: number; output: string }> {
  const direct = command.replace('npx quorate', `${process.execPath} ${MAIN}`);
  return new Promise((resolve) => {
    const options = { cwd: folder, timeout: STEP_MS };
    execFile('sh', ['-c', direct], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: stdout + stderr });
    });
  });
}

async function start(command: string): Promise<void> {
  const id = /--node-id (\S+)/.exec(command)?.[1] ?? '';
  const started = begin(id, command.replace('npx quorate ', '').split(' '));
  await until(`${id} is ready`, STEP_MS, () => {
    if (started.code !== undefined) throw new Error(`${command}\n${started.output}`);
    return /^quorate ready /m.test(started.output);
  });
  const role = command.includes('--join-as learner') ? 'learner' : '(voter|leader)';
  for (;;) {
    const { output } = await run('npx quorate members');
    if (new RegExp(`^${id} +${role} `, 'm').test(output)) return;
  }
}

it('docs/guides/membership.md: every command works as it stands there', async () => {
  const seen: string[] = [];
  for (const command of commands()) {
    // "Say n5 has died, and its disk is gone."
    const lost = /^rm -r \.quorate\/(n\d)/.exec(command)?.[1];
    if (lost !== undefined) await end(lost, 'SIGKILL');
    if (command.startsWith('npx quorate start')) {
      await start(command);
      continue;
    }
    const { code, output } = await run(command);
    expect(code, `${command}\n${output}`).toBe(0);
    seen.push(output);
    const removed = /^npx quorate members remove (n\d)/.exec(command)?.[1];
    const gone = removed === undefined ? undefined : running.get(removed);
    if (gone === undefined) continue;
    await until(`${removed} is told`, STEP_MS, () => gone.code !== undefined);
    expect([9, null], gone.output).toContain(gone.code);
  }
  expect(seen[0]).toMatch(/^n3 +(voter|leader) +127\.0\.0\.1:\d+ +yes/m);
  expect(seen[1]).toMatch(/5 voters: 3 must agree, so the cluster bears 2 failures/);
  expect((await run('npx quorate members')).output).toContain('3 voters');
});
