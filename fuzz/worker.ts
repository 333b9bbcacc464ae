/** The thread in which a target's inputs are tried; see watch.ts for who looks after it. */
import { parentPort, workerData } from 'node:worker_threads';
import { attemptInputs, attemptOne } from './attempts.ts';
import type { FuzzReport } from './target.ts';
import { targetOf } from './targets.ts';

export interface WorkerOrder {
  readonly target: string;
  readonly seed: number;
  readonly ms: number;
  readonly progress: Int32Array;
  /** Only this one, instead of many. */
  readonly replay: Uint8Array | undefined;
}

const order = workerData as WorkerOrder;
const subject = await targetOf(order.target).prepare();

async function work(): Promise<FuzzReport> {
  if (order.replay !== undefined) {
    Atomics.store(order.progress, 0, 0);
    const { ms, heapBytes, finding } = await attemptOne(subject, order.replay);
    const slowest = { ms, bytes: order.replay.length };
    return { inputs: 1, slowest, peakHeapBytes: heapBytes, finding };
  }
  return attemptInputs(subject, {
    seed: order.seed,
    untilMs: performance.now() + order.ms,
    onInput: (input) => Atomics.store(order.progress, 0, input),
  });
}

parentPort?.postMessage(await work());
