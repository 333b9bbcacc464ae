/**
 * Three processes that hold a node each, of which the one that leads proposes to itself: Quorate's embedded
 * nodes, or those of another library that speaks the same few lines.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../test/free-ports.ts';
import { until } from '../../test/waiting.ts';
import type { LoadResult, Window } from '../load/spec.ts';
import { Child, makeFolder, removeFolder } from '../processes/child.ts';
import { program } from '../processes/paths.ts';

export interface ProposeLoad extends Window {
  readonly inflight: number;
  readonly valueBytes: number;
}

/** Without a load: whether it leads. */
export interface EmbeddedQuestion {
  readonly load?: ProposeLoad;
}

/** Program and arguments of a node; `number` counts from 1. */
export type NodeCommand = (
  number: number,
  addresses: readonly string[],
  folder: string,
) => readonly [program: string, ...args: string[]];

const MEMBERS = 3;
const READY_MS_MAX = 30_000;
const GRACE_MS = 30_000;

export const quorateNode: NodeCommand = (number, addresses, folder) => [
  process.execPath,
  program('bench/cluster/embedded-main'),
  `n${number}`,
  addresses.join(','),
  folder,
];

export class EmbeddedCluster {
  readonly #name: string;
  readonly #children: readonly Child[];
  readonly #folder: string;

  private constructor(name: string, children: readonly Child[], folder: string) {
    this.#name = name;
    this.#children = children;
    this.#folder = folder;
  }

  /** Ready, with a leader. */
  static async start(name: string, command: NodeCommand): Promise<EmbeddedCluster> {
    const folder = makeFolder('embedded');
    const addresses = (await freePorts(MEMBERS)).map((port) => `127.0.0.1:${port}`);
    const children = addresses.map((_, at) => {
      const own = join(folder, String(at + 1));
      mkdirSync(own);
      const [path, ...args] = command(at + 1, addresses, own);
      return new Child(path, args, { name: `${name} ${at + 1}` });
    });
    const ready = (child: Child) => child.line((line) => line === 'ready', READY_MS_MAX);
    await Promise.all(children.map(ready));
    const cluster = new EmbeddedCluster(name, children, folder);
    await cluster.#leader();
    return cluster;
  }

  get pids(): readonly number[] {
    return this.#children.map(({ pid }) => pid);
  }

  /** Proposals from the leader's own process. Processor time is that of all three, proposing included. */
  async load(load: Omit<ProposeLoad, 'serverPids'>): Promise<LoadResult> {
    const leader = await this.#leader();
    const ms = (load.warmSeconds + load.seconds) * 1_000;
    const question: EmbeddedQuestion = { load: { ...load, serverPids: this.pids } };
    return await leader.ask<LoadResult>(question, ms + GRACE_MS);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.kill()));
    removeFolder(this.#folder);
  }

  async #leader(): Promise<Child> {
    return await until(`a leader of ${this.#name}`, READY_MS_MAX, async () => {
      for (const child of this.#children) {
        const { isLeader } = await child.ask<{ isLeader: boolean }>({}, READY_MS_MAX);
        if (isLeader) return child;
      }
      return undefined;
    });
  }
}
