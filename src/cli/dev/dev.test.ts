/**
 * Goal: `quorate dev` starts, shows, restarts and stops its nodes, leaves a node with a broken disk down,
 * and takes its nodes with it when it is killed. Method: a fake daemon, so that every way of dying can be
 * had at will, and that this tests the supervisor alone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { until } from '../../../test/waiting.ts';
import { dev } from '../commands/dev.ts';
import type { Terminal } from '../terminal.ts';
import { isPortFree, planCluster, removeCluster, writeCluster } from './layout.ts';
import { type NodeLife, NodeProcess } from './node-process.ts';
import { changeLines, type NodeView, readyBlock, readyLine, tableLines } from './view.ts';

const STEP_MS = 30_000;

/** Answers status, says ready, ends with the code in the file `exit` beside its configuration. */
const FAKE_DAEMON = `
import { createServer } from 'node:http';
import { readFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
const args = process.argv.slice(2);
const file = args[args.indexOf('--config') + 1];
const text = readFileSync(file, 'utf8');
const id = /node:\\n +id: (\\S+)/.exec(text)[1];
const port = Number(/http: 127.0.0.1:(\\d+)/.exec(text)[1]);
const exit = join(dirname(file), 'exit');
if (existsSync(exit)) {
  process.stderr.write('quorate: the disk is broken\\n');
  process.exit(Number(readFileSync(exit, 'utf8')));
}
const role = id === 'n1' ? 'leader' : 'follower';
const server = createServer((request, response) => response.end(JSON.stringify({ nodeId: id, role, term: 3, appliedIndex: 9, commitIndex: 9, revision: 5, leader: { nodeId: 'n1' } })));
server.listen(port, '127.0.0.1', () => process.stdout.write('quorate ready node=' + id + ' http=x\\n'));
process.on('SIGTERM', () => process.exit(0));
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
`;

let folder: string;
let daemon: string;
const undo: (() => void | Promise<void>)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-dev-'));
  daemon = join(folder, 'fake-daemon.mjs');
  writeFileSync(daemon, FAKE_DAEMON);
});

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
  rmSync(folder, { recursive: true, force: true });
});

interface Running {
  readonly output: () => string;
  readonly end: () => Promise<number>;
  readonly done: Promise<number>;
}

function runDev(options: { fresh?: boolean; nodes?: number; basePort?: number } = {}): Running {
  const stop = new AbortController();
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  let text = '';
  stdout.on('data', (chunk) => {
    text += chunk;
  });
  stderr.on('data', (chunk) => {
    text += chunk;
  });
  const terminal: Terminal = {
    stdout,
    stderr,
    stdin: new PassThrough(),
    env: process.env,
    cwd: folder,
    signal: stop.signal,
  };
  const flags = {
    nodes: options.nodes ?? 3,
    dir: 'cluster',
    basePort: options.basePort ?? 16_000 + (process.pid % 15_000),
    fresh: options.fresh ?? false,
    color: false,
  };
  const overrides = {
    command: [process.execPath, daemon],
    pollMs: 30,
    restartDelaysMs: [20, 40],
  };
  const done = dev(terminal, flags, overrides);
  done.catch(() => {});
  const end = (): Promise<number> => {
    stop.abort();
    return done;
  };
  undo.push(async () => {
    await end().catch(() => {});
  });
  return { output: () => text, end, done };
}

function pidOf(output: string, id: string): number | undefined {
  const pids = [...output.matchAll(new RegExp(`^${id} \\w+.* pid=(\\d+)`, 'gm'))];
  const last = pids.at(-1)?.[1];
  return last === undefined ? undefined : Number(last);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('quorate dev', () => {
  it('starts three nodes, says the documented ready line once, and stops all on a signal', async () => {
    const run = runDev();
    await until('ready', STEP_MS, () => run.output().includes('ready: three nodes'));
    expect(run.output()).toMatch(
      /^ready: three nodes n1=http:\/\/127\.0\.0\.1:\d+ n2=http:\S+ n3=http:\S+$/m,
    );
    const pid = await until('a pid', STEP_MS, () => pidOf(run.output(), 'n1'));
    expect(await run.end()).toBe(0);
    expect(isAlive(pid)).toBe(false);
    expect(run.output().match(/ready: three/g)).toHaveLength(1);
    const cluster = JSON.parse(readFileSync(join(folder, 'cluster', 'cluster.json'), 'utf8'));
    expect(cluster.nodes.map((node: { id: string }) => node.id)).toEqual(['n1', 'n2', 'n3']);
  });

  it('starts a killed node again', async () => {
    const run = runDev();
    await until('ready', STEP_MS, () => run.output().includes('ready: three nodes'));
    const pid = await until('a pid', STEP_MS, () => pidOf(run.output(), 'n2'));
    process.kill(pid, 'SIGKILL');
    await until('a new process', STEP_MS, () => {
      const now = pidOf(run.output(), 'n2');
      return now !== undefined && now !== pid && isAlive(now);
    });
    expect(run.output()).toContain('n2 restarting (was killed (SIGKILL); again in 20 ms)');
  });

  it('leaves a node down that ended with a disk fault, and says why', async () => {
    const run = runDev();
    await until('ready', STEP_MS, () => run.output().includes('ready: three nodes'));
    writeFileSync(join(folder, 'cluster', 'n3', 'exit'), '7');
    process.kill(await until('a pid', STEP_MS, () => pidOf(run.output(), 'n3')), 'SIGKILL');
    await until('down', STEP_MS, () => run.output().includes('n3 down (7)'));
    expect(run.output()).toContain('n3| quorate: the disk is broken');
    expect(run.output()).toContain('n3 stays down (exit code 7)');
  });

  it('refuses a second run on the same folder', async () => {
    const run = runDev();
    await until('ready', STEP_MS, () => run.output().includes('ready: three nodes'));
    await expect(runDev().done).rejects.toMatchObject({ code: 'DATA_DIR_IN_USE' });
    await expect(runDev().done).rejects.toThrow('quorate dev runs already');
  });

  it('goes on with ports and data of the earlier run, and --fresh begins anew', async () => {
    const first = runDev();
    await until('ready', STEP_MS, () => first.output().includes('ready: three nodes'));
    await first.end();
    const marker = join(folder, 'cluster', 'n1', 'data-marker');
    writeFileSync(marker, '');
    const second = runDev({ basePort: 45_000 });
    await until('ready', STEP_MS, () => second.output().includes('ready: three nodes'));
    await second.end();
    const ready = (text: string) => /ready: .*/.exec(text)?.[0];
    expect(ready(second.output())).toBe(ready(first.output()));
    expect(second.output()).toContain('going on with the data');
    await expect(runDev({ nodes: 5 }).done).rejects.toThrow('holds a cluster of 3, not 5');
    const third = runDev({ fresh: true });
    await until('ready', STEP_MS, () => third.output().includes('ready: three nodes'));
    expect(existsSync(marker)).toBe(false);
  });
});

describe('the plan of a development cluster', () => {
  it('takes other ports when the preferred ones are in use, and says so', async () => {
    const isFree = async (port: number) => port !== 7201;
    const plan = await planCluster({ dir: folder, nodes: 2, basePort: 7100, isFree });
    expect(plan.nodes).toEqual([
      { id: 'n1', peers: '127.0.0.1:7101', clients: '127.0.0.1:7211', http: '127.0.0.1:7301' },
      { id: 'n2', peers: '127.0.0.1:7102', clients: '127.0.0.1:7202', http: '127.0.0.1:7302' },
    ]);
    expect(plan.notes).toEqual(['port 7201 is in use; n1 gets 7211 for clients']);
  });

  it('does not move the peers of a founded cluster', async () => {
    const free = async () => true;
    writeCluster(
      folder,
      await planCluster({ dir: folder, nodes: 3, basePort: 7100, isFree: free }),
    );
    const isFree = async (port: number) => port !== 7102;
    await expect(
      planCluster({ dir: folder, nodes: 3, basePort: 7100, isFree, patienceMs: 0 }),
    ).rejects.toThrow('port 7102 is in use by another process, but node n2');
  });

  it('waits for the nodes of a killed run to give their ports back', async () => {
    const free = async () => true;
    writeCluster(
      folder,
      await planCluster({ dir: folder, nodes: 1, basePort: 7100, isFree: free }),
    );
    let looks = 0;
    const isFree = async (port: number) => port !== 7101 || ++looks > 2;
    const plan = await planCluster({ dir: folder, nodes: 1, basePort: 7100, isFree });
    expect(plan.nodes[0]?.peers).toBe('127.0.0.1:7101');
  });

  it('deletes nothing that it did not make', () => {
    expect(() => removeCluster(folder)).toThrow('was not made by quorate dev');
    expect(existsSync(daemon)).toBe(true);
  });

  it('sees that a port is taken', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    expect(await isPortFree(port)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    expect(await isPortFree(port)).toBe(true);
  });
});

describe('a node process', () => {
  it('ends when the process that started it is killed with kill -9', async () => {
    const config = join(folder, 'c.yaml');
    writeFileSync(config, 'node:\n  id: n1\nlisten:\n  http: 127.0.0.1:0\n');
    const parent: ChildProcess = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      `import { spawn } from 'node:child_process';
       const child = spawn(process.execPath, [${JSON.stringify(daemon)}, '--config', ${JSON.stringify(config)}], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
       child.stdout.on('data', () => process.stdout.write(String(child.pid)));`,
    ]);
    let text = '';
    parent.stdout?.on('data', (chunk) => {
      text += chunk;
    });
    const pid = await until('the pid', STEP_MS, () => /^\d+$/.test(text) && Number(text));
    parent.kill('SIGKILL');
    await until('the end of the child', STEP_MS, () => !isAlive(pid));
  });

  it('waits longer from death to death', async () => {
    const lives: NodeLife[] = [];
    const node = new NodeProcess({
      id: 'n1',
      command: [process.execPath, '-e', 'process.exit(3)'],
      env: process.env,
      onChange: (life) => lives.push(life),
      onLine: () => {},
      restartDelaysMs: [1, 2, 3],
    });
    node.start();
    const delays = () =>
      lives.flatMap((life) => (life.state === 'waiting' ? [life.restartInMs] : []));
    await until('four deaths', STEP_MS, () => delays().length >= 4);
    await node.stop();
    expect(delays().slice(0, 4)).toEqual([1, 2, 3, 3]);
  });
});

describe('the view', () => {
  const node = (id: string, role: string, life: NodeLife): NodeView => ({
    id,
    http: `127.0.0.1:730${id.slice(1)}`,
    clients: `127.0.0.1:720${id.slice(1)}`,
    life,
    status:
      life.state === 'ready'
        ? { role, term: 4, appliedIndex: 120, commitIndex: 120, revision: 100 }
        : undefined,
  });
  const up: NodeLife = { state: 'ready', pid: 7 };

  it('shows leader, term, applied index, and how many more failures are borne', () => {
    const lines = tableLines(
      [
        node('n1', 'leader', up),
        node('n2', 'follower', up),
        node('n3', 'x', { state: 'down', code: 6, why: '' }),
      ],
      false,
    );
    expect(lines[1]).toMatch(/^n1 +leader +4 +120 +100 +7 +127\.0\.0\.1:7301$/);
    expect(lines[3]).toContain('down (6)');
    expect(lines[4]).toBe('2 of 3 nodes up; tolerates 0 more failures');
  });

  it('names a lost majority', () => {
    const dead: NodeLife = { state: 'waiting', restartInMs: 5, why: 'x' };
    const lines = tableLines(
      [node('n1', 'leader', up), node('n2', 'x', dead), node('n3', 'x', dead)],
      false,
    );
    expect(lines.at(-1)).toBe('1 of 3 nodes up; 2 are needed: writes wait');
  });

  it('is silent in a log while only the applied index moves', () => {
    const before = [node('n1', 'leader', up)];
    const status = { role: 'leader', term: 4, appliedIndex: 999, commitIndex: 999, revision: 1 };
    const after = [{ ...(before[0] as NodeView), status }];
    expect(changeLines(before, after)).toEqual([]);
    expect(changeLines([], after)).toEqual(['n1 leader term=4 applied=999 pid=7']);
  });

  it('names commands that find the cluster, also in another folder', () => {
    const nodes = [node('n1', 'leader', up), node('n2', 'follower', up)];
    expect(readyBlock(nodes, '.quorate')).toContain('    npx quorate kv get greeting');
    const elsewhere = readyBlock(nodes, 'other').join('\n');
    expect(elsewhere).toContain('kv get greeting --nodes 127.0.0.1:7201,127.0.0.1:7202');
    expect(elsewhere).toContain('status --nodes 127.0.0.1:7301,127.0.0.1:7302');
    expect(elsewhere).toContain('cat other/n1/pid');
  });

  it('keeps its columns while a node asks for votes', () => {
    const [head = '', row = ''] = tableLines([node('n1', 'pre-candidate', up)], false);
    expect(row.indexOf('4 ')).toBe(head.indexOf('term'));
  });

  it('words the ready line for each size', () => {
    expect(readyLine([{ id: 'n1', http: 'h:1' }])).toBe('ready: one node n1=http://h:1');
  });
});
