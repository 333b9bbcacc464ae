/**
 * Many seeds, on as many threads as there are processors. Seeds are handed out in order; a result does not
 * depend on which thread ran it.
 *
 * Each seed that was begun is told. A run may hang without end (a loop that never yields stops the simulated
 * clock, and every bound of the run with it), take its thread down, or throw where nobody looks: its thread is given up,
 * the seed counts as a violation, and another thread goes on with the next one. Only the parent can see to that, by
 * real time; its bound is so generous that a busy machine does not meet it.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

import type { PlanOptions } from './plan.ts';
import type { SeedSummary } from './report.ts';
import { RUN_ITSELF, type SeedTask, withoutVerdict } from './run-seed.ts';

export interface ManySeedsOptions extends PlanOptions {
  readonly seeds: Iterable<number>;
  /** Default: one for each processor. */
  readonly threads?: number | undefined;
  /** Called in the order in which seeds end. False: no more are begun. */
  readonly onSeed: (summary: SeedSummary) => boolean;
  /** What a thread runs: takes a `SeedTask`, posts a `SeedSummary`. Default: `seed-worker`. */
  readonly program?: URL | undefined;
  /** Of real time, for one seed. Default `ANSWER_WITHIN_MS`. */
  readonly answerWithinMs?: number | undefined;
  /** Aborted: ends at once; the seeds that run are not told. */
  readonly signal?: AbortSignal | undefined;
}

/** A seed takes about a second, or ten on a machine that is busy with other things. */
const ANSWER_WITHIN_MS = 300_000;
export const RUN_ENDS = 'the run ends';

/** What a thread was busy with when it ended, and why. */
interface Lost {
  readonly task: SeedTask;
  readonly checker: string;
  readonly message: string;
}

export async function runSeeds(options: ManySeedsOptions): Promise<void> {
  const { mode, workload, nodes } = options;
  const seeds = options.seeds[Symbol.iterator]();
  let isOver = false;
  const next = (): SeedTask | undefined => {
    if (isOver || options.signal?.aborted === true) return undefined;
    const { done, value } = seeds.next();
    return done === true ? undefined : { seed: value, mode, workload, nodes };
  };
  const tell = (summary: SeedSummary): void => {
    if (!options.onSeed(summary)) isOver = true;
  };
  const work = async (): Promise<void> => {
    for (;;) {
      const lost = await oneThread(options, next, tell);
      if (lost === undefined) return;
      tell(withoutVerdict(lost.task, lost.checker, lost.message));
    }
  };
  const threads = Math.max(1, options.threads ?? availableParallelism());
  await Promise.all(Array.from({ length: threads }, work));
}

/** Until there are no more seeds, or one of them took the thread along. */
function oneThread(
  { program, signal, answerWithinMs = ANSWER_WITHIN_MS }: ManySeedsOptions,
  next: () => SeedTask | undefined,
  tell: (summary: SeedSummary) => void,
): Promise<Lost | undefined> {
  let task = next();
  if (task === undefined) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const worker = new Worker(program ?? new URL('./seed-worker.js', import.meta.url));
    let watchdog: NodeJS.Timeout | undefined;
    const end = (lost: Lost | undefined): void => {
      clearTimeout(watchdog);
      signal?.removeEventListener('abort', leave);
      worker.removeAllListeners();
      // A second error of the same thread has no seed of its own.
      worker.on('error', () => undefined);
      worker.terminate().then(() => resolve(lost), reject);
    };
    const leave = (): void => end(undefined);
    signal?.addEventListener('abort', leave, { once: true });
    const lose = (checker: string, message: string): void => {
      end(task === undefined ? undefined : { task, checker, message });
    };
    const give = (): void => {
      clearTimeout(watchdog);
      if (task === undefined) {
        end(undefined);
        return;
      }
      worker.postMessage(task);
      const why = `no verdict within ${answerWithinMs / 1000} s of real time: it hangs`;
      watchdog = setTimeout(() => lose(RUN_ENDS, why), answerWithinMs);
    };
    worker.on('message', (summary: SeedSummary) => {
      // `onSeed` is a caller's code, called from an event: what it throws ends the whole work.
      try {
        tell(summary);
      } catch (error) {
        end(undefined);
        return reject(error);
      }
      task = next();
      give();
    });
    worker.on('error', (error) => lose(RUN_ITSELF, String(error?.stack ?? error)));
    worker.on('exit', (code) => lose(RUN_ENDS, `it ended its thread (exit code ${code})`));
    give();
  });
}
