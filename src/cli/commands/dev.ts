/**
 * `quorate dev`: a cluster on this machine, for trying things out. Starts the nodes as child processes,
 * shows who leads and how far each is, starts again what dies, and stops all together.
 *
 * What may go wrong: two runs on one folder would fight over ports and data, so the folder is locked;
 * a node that stopped for its disk's sake must not be started again and again, so it is left down and
 * the reason is shown; variables such as QUORATE_NODE_ID in the shell would override every node's
 * configuration alike, so none is passed on.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ClusterError } from '../../errors.ts';
import { DiskError, realDisk } from '../../world/index.ts';
import { toleranceText } from '../config/check.ts';
import { type DevNode, planCluster, removeCluster, writeCluster } from '../dev/layout.ts';
import { type NodeLife, NodeProcess } from '../dev/node-process.ts';
import { Screen } from '../dev/screen.ts';
import {
  changeLines,
  type NodeView,
  readyBlock,
  type SeenStatus,
  tableLines,
} from '../dev/view.ts';
import { ExitCode } from '../exit-codes.ts';
import type { DevFlags } from '../flags.ts';
import { askHttp } from '../http-status.ts';
import { say, type Terminal, tell, wantsColor } from '../terminal.ts';

export interface DevOverrides {
  /** Program and first arguments of a node; `start --config FILE ...` follows. */
  readonly command?: readonly string[];
  readonly pollMs?: number;
  readonly restartDelaysMs?: readonly number[];
}

const POLL_MS = 500;
const STATUS_TIMEOUT_MS = 1_000;

export async function dev(
  terminal: Terminal,
  flags: DevFlags,
  overrides: DevOverrides = {},
): Promise<number> {
  const dir = resolve(terminal.cwd, flags.dir);
  mkdirSync(dir, { recursive: true });
  const lock = await lockFolder(dir);
  try {
    if (flags.fresh === true) removeCluster(dir);
    const plan = await planCluster({ dir, nodes: flags.nodes, basePort: flags.basePort });
    for (const note of plan.notes) tell(terminal, note);
    const configs = writeCluster(dir, plan);
    if (plan.isContinued) tell(terminal, `going on with the data in ${flags.dir}`);
    tell(terminal, `starting ${plan.nodes.length} nodes: ${toleranceText(plan.nodes.length)}`);
    const cluster = new DevCluster(terminal, flags, overrides);
    for (const [i, node] of plan.nodes.entries()) cluster.add(node, configs[i] ?? '');
    return await cluster.run();
  } finally {
    await lock.release();
  }
}

async function lockFolder(dir: string): Promise<{ release(): Promise<void> }> {
  try {
    return await realDisk().lock(dir);
  } catch (error) {
    if (!(error instanceof DiskError) || error.fault !== 'locked') throw error;
    throw new ClusterError('DATA_DIR_IN_USE', `quorate dev runs already: ${error.message}`, {
      cause: error,
    });
  }
}

interface Member {
  readonly id: string;
  readonly http: string;
  readonly clients: string;
  readonly process: NodeProcess;
  status: SeenStatus | undefined;
}

class DevCluster {
  readonly #terminal: Terminal;
  readonly #flags: DevFlags;
  readonly #dir: string;
  readonly #overrides: DevOverrides;
  readonly #members: Member[] = [];
  readonly #screen: Screen | undefined;
  #shown: readonly NodeView[] = [];
  #isReadySaid = false;
  #isStopping = false;

  constructor(terminal: Terminal, flags: DevFlags, overrides: DevOverrides) {
    this.#terminal = terminal;
    this.#flags = flags;
    this.#dir = resolve(terminal.cwd, flags.dir);
    this.#overrides = overrides;
    this.#screen = terminal.stdout.isTTY === true ? new Screen(terminal.stdout) : undefined;
  }

  add({ id, http, clients }: DevNode, configFile: string): void {
    const main = fileURLToPath(new URL('../main.js', import.meta.url));
    const command = this.#overrides.command ?? [process.execPath, main];
    const node = new NodeProcess({
      id,
      command: [...command, 'start', '--config', configFile, '--exit-on-stdin-close'],
      env: withoutOwnVariables(this.#terminal.env),
      onChange: (life) => this.#changed(id, life),
      onLine: (line) => this.#print(`${id}| ${line}`),
      ...(this.#overrides.restartDelaysMs === undefined
        ? {}
        : { restartDelaysMs: this.#overrides.restartDelaysMs }),
    });
    this.#members.push({ id, http, clients, process: node, status: undefined });
  }

  async run(): Promise<number> {
    for (const member of this.#members) member.process.start();
    const stop = this.#terminal.signal;
    while (stop?.aborted !== true) {
      await this.#poll();
      await pause(this.#overrides.pollMs ?? POLL_MS, stop);
    }
    this.#isStopping = true;
    this.#screen?.leave();
    say(this.#terminal, 'stopping all nodes ...');
    await Promise.all(this.#members.map((member) => member.process.stop()));
    say(this.#terminal, 'stopped');
    return ExitCode.ok;
  }

  async #poll(): Promise<void> {
    await Promise.all(this.#members.map((member) => this.#ask(member)));
    this.#show();
  }

  async #ask(member: Member): Promise<void> {
    const { state } = member.process.life;
    const isUp = state === 'ready' || state === 'starting';
    const answer = isUp ? await askHttp(member.http, '/v1/status', STATUS_TIMEOUT_MS) : undefined;
    const isAnswered = answer?.reachable === true && answer.code === 200;
    member.status = isAnswered ? (answer.body as unknown as SeenStatus) : undefined;
  }

  #changed(id: string, life: NodeLife): void {
    if (life.state === 'starting' && life.pid !== undefined) {
      writeFileSync(join(this.#dir, id, 'pid'), `${life.pid}\n`);
    }
    const member = this.#members.find((other) => other.id === id);
    if (member !== undefined && life.state === 'ready') {
      void this.#ask(member).then(() => this.#show());
      return;
    }
    if (member !== undefined) member.status = undefined;
    if (life.state === 'down') {
      this.#print(
        `${id} stays down (exit code ${life.code}): starting it again would not help; what to do is said ` +
          'above, and in the table of exit codes in docs/reference/cli.md. The others go on without it.',
      );
    }
    this.#show();
  }

  #show(): void {
    if (this.#isStopping) return;
    const views = this.#members.map(({ id, http, clients, process: node, status }): NodeView => {
      return { id, http, clients, life: node.life, status };
    });
    if (!this.#isReadySaid && views.every((view) => view.life.state === 'ready')) {
      this.#isReadySaid = true;
      for (const line of readyBlock(views, this.#flags.dir)) this.#print(line);
    }
    const color = this.#flags.color && wantsColor(this.#terminal);
    if (this.#screen !== undefined) this.#screen.show(tableLines(views, color));
    else for (const line of changeLines(this.#shown, views)) this.#print(line);
    this.#shown = views;
  }

  #print(line: string): void {
    if (this.#screen === undefined) say(this.#terminal, line);
    else this.#screen.print(line);
  }
}

function withoutOwnVariables(env: Terminal['env']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('QUORATE_')));
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
