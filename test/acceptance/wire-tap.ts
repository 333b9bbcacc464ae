/**
 * The parent's side of the tap (wire-tap-process.ts), and a cluster whose nodes reach each other only
 * through it: their configurations name the tap's addresses, which are the same on all of them.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { freePorts } from '../free-ports.ts';
import type { Cluster } from './cluster.ts';
import type { Heartbeat, TapAnswer, TapOrder } from './wire-tap-process.ts';

const PROGRAM = fileURLToPath(new URL('wire-tap-process.js', import.meta.url));

export type { Heartbeat };

export class WireTap {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (heartbeats: readonly Heartbeat[]) => void>();
  #asked = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (answer: TapAnswer) => {
      if (answer.given === undefined) return;
      this.#waiting.get(answer.given)?.(answer.heartbeats ?? []);
      this.#waiting.delete(answer.given);
    });
  }

  /** Before the nodes start: rewrites their lists of members. */
  static async between(cluster: Cluster): Promise<WireTap> {
    const ports = await freePorts(cluster.nodes.length);
    cluster.behind(new Map(cluster.nodes.map(({ id }, at) => [id, `127.0.0.1:${ports[at]}`])));
    const child = fork(PROGRAM, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    process.on('exit', () => child.kill('SIGKILL'));
    const routes = cluster.nodes.map(({ peers }, at) => ({
      listenPort: ports[at] ?? 0,
      targetPort: Number(peers.split(':')[1]),
    }));
    const ready = new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', () => reject(new Error('the tap did not start')));
    });
    child.send({ routes } satisfies TapOrder);
    await ready;
    return new WireTap(child);
  }

  /** All heartbeats since the last call. */
  take(): Promise<readonly Heartbeat[]> {
    const order: TapOrder = { give: ++this.#asked };
    return new Promise((resolve) => {
      this.#waiting.set(order.give, resolve);
      this.#child.send(order);
    });
  }

  /** All connections between the nodes break, both ways. */
  cut(): void {
    this.#child.send({ cut: true } satisfies TapOrder);
  }

  async close(): Promise<void> {
    const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGKILL');
    await gone;
  }
}

export function between(
  heartbeats: readonly Heartbeat[],
  from: number,
  to: number,
): readonly Heartbeat[] {
  return heartbeats.filter((each) => each[0] === from && each[1] === to);
}

/** Of the connection that was made last: what still came out of older ones is left out. */
export function onLastConnection(heartbeats: readonly Heartbeat[]): readonly Heartbeat[] {
  const last = Math.max(0, ...heartbeats.map(([, , , connection]) => connection));
  return heartbeats.filter(([, , , connection]) => connection === last);
}

/** Heartbeats in order, and the time in which they were looked for. */
export interface Stretch {
  readonly beginMs: number;
  readonly endMs: number;
  readonly heartbeats: readonly Heartbeat[];
}

/**
 * Times between one heartbeat and the next, in ms, and from the edges of the stretch to the first and
 * the last one: heartbeats that stopped, or never began, leave no gap between two of them.
 */
export function gapsOf({ beginMs, endMs, heartbeats }: Stretch): number[] {
  const edges = [...heartbeats.map(([, , atMs]) => atMs), endMs];
  return edges.map((atMs, i) => atMs - (edges[i - 1] ?? beginMs));
}
