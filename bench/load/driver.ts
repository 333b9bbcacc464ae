/** The load driver as those see it who ask it. */
import { type Child, nodeChild } from '../processes/child.ts';
import { program } from '../processes/paths.ts';
import type { LoadResult, LoadSpec, LoadTarget, TraceResult } from './spec.ts';

/** Beyond what a load takes by itself: connecting, and waiting for the last answers. */
const GRACE_MS = 30_000;
/** Without a time of its own: a store is being filled. */
const FILL_MS_MAX = 600_000;

export class LoadDriver {
  readonly #child: Child = nodeChild('load driver', program('bench/load/main'), []);

  get pid(): number {
    return this.#child.pid;
  }

  async load(spec: Omit<LoadSpec, 'kind'>): Promise<LoadResult> {
    const ms = (spec.warmSeconds + spec.seconds) * 1_000;
    const limitMs = spec.total === undefined ? ms + GRACE_MS : FILL_MS_MAX;
    return await this.#child.ask<LoadResult>({ kind: 'load', ...spec }, limitMs);
  }

  async beginTrace(target: LoadTarget, everyMs: number): Promise<void> {
    await this.#child.ask({ kind: 'trace', target, everyMs }, GRACE_MS);
  }

  async endTrace(): Promise<TraceResult> {
    return await this.#child.ask<TraceResult>({ kind: 'end-trace' }, GRACE_MS);
  }

  async watch(nodes: readonly string[], count: number, keys: number): Promise<void> {
    await this.#child.ask({ kind: 'watch', nodes, count, keys }, GRACE_MS);
  }

  /** Changes that the watches were told of, in all. */
  async watched(): Promise<number> {
    return (await this.#child.ask<{ told: number }>({ kind: 'watched' }, GRACE_MS)).told;
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}
