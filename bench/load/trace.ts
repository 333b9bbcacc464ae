/**
 * Puts at a steady pace while something happens to the cluster, each noted with its beginning and its end.
 * A put that is not answered holds up none of the others, so that the first one that gets through afterwards
 * tells when the cluster was back, to the length of the pace.
 */
import type { Issue } from './closed-loop.ts';
import { epochMs, type TraceResult } from './spec.ts';

export class Trace {
  readonly #calls: [number, number, boolean][] = [];
  readonly #failures: Record<string, number> = {};
  readonly #timer: NodeJS.Timeout;
  #number = 0;
  #running = 0;

  constructor(issue: Issue, everyMs: number) {
    let dueAt = performance.now();
    this.#timer = setInterval(() => {
      // Timers of Node come late and never early: what was missed is made up for.
      for (const now = performance.now(); dueAt <= now; dueAt += everyMs) this.#begin(issue);
    }, everyMs);
  }

  #begin(issue: Issue): void {
    const startMs = epochMs();
    this.#running++;
    issue(this.#number++, (error) => {
      this.#running--;
      this.#calls.push([startMs, epochMs(), error === undefined]);
      if (error === undefined) return;
      const code = String((error as { readonly code?: unknown })?.code ?? error);
      this.#failures[code] = (this.#failures[code] ?? 0) + 1;
    });
  }

  /** Waits for what is under way: it is answered or fails within the client's own deadline. */
  async end(): Promise<TraceResult> {
    clearInterval(this.#timer);
    while (this.#running > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const calls = this.#calls.sort(([, a], [, b]) => a - b);
    return { calls, failures: this.#failures };
  }
}
