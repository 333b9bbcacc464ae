/** The three processes of the ceiling pipeline, started and ended. */
import { join } from 'node:path';
import { freePorts } from '../../test/free-ports.ts';
import { type Child, makeFolder, nodeChild, removeFolder } from '../processes/child.ts';
import { program } from '../processes/paths.ts';
import type { SyncWay } from './group-log.ts';

/** The files are filled and synced first. */
const READY_MS_MAX = 30_000;

export class Ceiling {
  readonly port: number;
  readonly pids: readonly number[];
  readonly #children: readonly Child[];
  readonly #folder: string;

  private constructor(port: number, children: readonly Child[], folder: string) {
    this.port = port;
    this.pids = children.map(({ pid }) => pid);
    this.#children = children;
    this.#folder = folder;
  }

  static async start(way: SyncWay): Promise<Ceiling> {
    const folder = makeFolder('ceiling');
    const ports = await freePorts(3);
    const begin = async (at: number, followers: readonly number[]): Promise<Child> => {
      const args = [ports[at]!, join(folder, `log-${at}`), way, ...followers].map(String);
      const child = nodeChild(`ceiling ${at}`, program('bench/ceiling/main'), args);
      await child.line((line) => line === 'ready', READY_MS_MAX);
      return child;
    };
    const followers = await Promise.all([begin(1, []), begin(2, [])]);
    const leader = await begin(0, ports.slice(1));
    return new Ceiling(ports[0]!, [leader, ...followers], folder);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop()));
    removeFolder(this.#folder);
  }
}
