/**
 * Watching a thread that tries inputs: one that loops for ever can not tell, and one that has used up
 * its heap is gone. The thread writes the number of its input into shared memory before it tries it;
 * from here we see whether that moves.
 */
import type { Worker } from 'node:worker_threads';
import { type Finding, FindingKind, type FuzzReport } from './target.ts';

const LOOK_EVERY_MS = 100;
/** Until its first input: loading the code and making the valid data that inputs are made of. */
const PREPARE_MS_MAX = 60_000;

export interface Watched {
  readonly worker: Worker;
  /** Its one number is the input that is being tried, -1 before the first. */
  readonly progress: Int32Array;
  readonly inputMsMax: number;
}

/** The thread's own report, or what its silence means. The thread is gone when this resolves. */
export async function watch({ worker, progress, inputMsMax }: Watched): Promise<FuzzReport> {
  const current = (): number => Atomics.load(progress, 0);
  let look: NodeJS.Timeout | undefined;
  const lost = (kind: FindingKind, text: string): FuzzReport => {
    const finding: Finding = { kind, input: current(), text };
    const inputs = Math.max(0, current() + 1);
    return { inputs, slowest: { ms: 0, bytes: 0 }, peakHeapBytes: 0, finding };
  };
  try {
    return await new Promise<FuzzReport>((resolve) => {
      let seen = -1;
      let sinceMs = performance.now();
      look = setInterval(() => {
        const now = current();
        if (now !== seen) {
          seen = now;
          sinceMs = performance.now();
        }
        const limitMs = now < 0 ? Math.max(inputMsMax, PREPARE_MS_MAX) : inputMsMax;
        if (performance.now() - sinceMs < limitMs) return;
        resolve(lost(FindingKind.Hang, `no end after ${limitMs} ms`));
      }, LOOK_EVERY_MS);
      worker.on('message', resolve);
      worker.on('error', (error: NodeJS.ErrnoException) => {
        const isMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
        const kind = isMemory ? FindingKind.Memory : FindingKind.Crash;
        resolve(lost(kind, error.stack ?? String(error)));
      });
      worker.on('exit', (code) => resolve(lost(FindingKind.Crash, `it ended with code ${code}`)));
    });
  } finally {
    clearInterval(look);
    await worker.terminate();
  }
}
