/**
 * The parent's side of the tap (wire-tap-process.ts), and a cluster whose nodes reach each other only
 * through it: their configurations name the tap's addresses, which are the same on all of them.
 */
import { freePorts } from '../free-ports.ts';
import type { Cluster } from './cluster.ts';
import type { Span } from './machine-clock.ts';
import { type Gap, gapOf } from './machine-witness.ts';
import { Recorder } from './recorder.ts';
import type { Heartbeat, TapOrder } from './wire-tap-process.ts';

export type { Heartbeat };

export class WireTap {
  readonly #recorder: Recorder<Heartbeat, TapOrder>;

  private constructor(recorder: Recorder<Heartbeat, TapOrder>) {
    this.#recorder = recorder;
  }

  /** Before the nodes start: rewrites their lists of members. */
  static async between(cluster: Cluster): Promise<WireTap> {
    const ports = await freePorts(cluster.nodes.length);
    cluster.behind(new Map(cluster.nodes.map(({ id }, at) => [id, `127.0.0.1:${ports[at]}`])));
    const routes = cluster.nodes.map(({ peers }, at) => ({
      listenPort: ports[at] ?? 0,
      targetPort: Number(peers.split(':')[1]),
    }));
    return new WireTap(await Recorder.start('wire-tap-process.js', { routes }));
  }

  /** All heartbeats since the last call. */
  take(): Promise<readonly Heartbeat[]> {
    return this.#recorder.take();
  }

  /** All connections between the nodes break, both ways. */
  cut(): void {
    this.#recorder.tell({ cut: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#recorder[Symbol.asyncDispose]();
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

/** Heartbeats in order, the time in which they were looked for, and when the machine stood still. */
export interface Stretch {
  readonly beginMs: number;
  readonly endMs: number;
  readonly heartbeats: readonly Heartbeat[];
  readonly standstills: readonly Span[];
}

/**
 * Times between one heartbeat and the next, and from the edges of the stretch to the first and the last
 * one: heartbeats that stopped, or never began, leave no gap between two of them.
 */
export function gapsOf({ beginMs, endMs, heartbeats, standstills }: Stretch): Gap[] {
  const edges = [beginMs, ...heartbeats.map(([, , atMs]) => atMs), endMs];
  return edges.slice(1).map((atMs, i) => gapOf([edges[i] ?? beginMs, atMs], standstills));
}
