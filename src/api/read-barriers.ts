/**
 * Linearizable reads that arrive together share one barrier of the engine: a barrier costs a round to a
 * majority, however many reads wait for it.
 *
 * The rule: a read may join a barrier that has not begun, never one that has. One that has begun may
 * have fixed its index before a write that was acknowledged before this read arrived. A batch therefore
 * is closed in the microtask after its first read, which is when the door has handed over everything
 * that came in one piece. Reads of different deadlines do not share, so that no timer is needed here.
 */
import type { Engine } from '../engine/index.ts';
import { ClusterError } from '../errors.ts';

export class ReadBarriers {
  readonly #engine: Engine;
  readonly #forming: Map<number, Promise<void>> = new Map();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Resolves when the local state has everything that was acknowledged before the call. */
  join(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    let batch = this.#forming.get(timeoutMs);
    if (batch === undefined) {
      batch = Promise.resolve().then(() => {
        this.#forming.delete(timeoutMs);
        return this.#engine.readBarrier({ timeoutMs });
      });
      this.#forming.set(timeoutMs, batch);
    }
    return signal === undefined ? batch : untilAborted(batch, signal);
  }
}

/** One caller's leaving must not disturb the others that wait for the same barrier. */
function untilAborted(shared: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      // A read changes nothing, so its outcome is not unknown.
      reject(new ClusterError('ABORTED', 'the caller gave up waiting', { retryable: 'yes' }));
    };
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    shared.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
