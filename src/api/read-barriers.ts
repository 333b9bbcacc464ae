/**
 * Linearizable reads that arrive together share one barrier of the engine: a barrier costs a round to a
 * majority, however many reads wait for it.
 *
 * The rule: a read may join a barrier that has not begun, never one that has. One that has begun may
 * have fixed its index before a write that was acknowledged before this read arrived. A batch therefore
 * is closed in the microtask after its first read, which is when the door has handed over everything
 * that came in one piece. Reads of different deadlines do not share, so that no timer is needed here.
 */
import type { ReadOptions } from '../consensus/index.ts';
import type { Engine } from '../engine/index.ts';
import { ClusterError } from '../errors.ts';
import { explainFailure } from './explain.ts';

/** Waits until it may read. One of the two is called, once, never before `submit` has returned. */
export interface ReadListener {
  /** The local state has everything that was acknowledged before the read came: read in this turn, or later. */
  ready(): void;
  failed(error: unknown): void;
}

/** In the place of a timeout: a read of what this node has. It waits for nobody. */
export const LOCAL = 0;
const LOCAL_OPTIONS: ReadOptions = { consistency: 'local' };

/** Reads of one deadline, until their barrier begins. */
type Batch = ReadListener[];

export class ReadBarriers {
  readonly #engine: Engine;
  readonly #forming: Map<number, Batch> = new Map();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** `timeoutMs`: how long to wait, or LOCAL. */
  submit(timeoutMs: number, listener: ReadListener): void {
    let batch = this.#forming.get(timeoutMs);
    if (batch === undefined) {
      batch = [];
      this.#forming.set(timeoutMs, batch);
      queueMicrotask(() => void this.#begin(timeoutMs));
    }
    batch.push(listener);
  }

  /** Resolves when the local state has everything that was acknowledged before the call. */
  join(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      this.submit(timeoutMs, { ready: resolve, failed: reject });
    });
    return signal === undefined ? ready : untilAborted(ready, signal);
  }

  async #begin(timeoutMs: number): Promise<void> {
    const batch = this.#forming.get(timeoutMs) ?? [];
    this.#forming.delete(timeoutMs);
    const options = timeoutMs === LOCAL ? LOCAL_OPTIONS : { timeoutMs };
    try {
      await this.#engine.readBarrier(options);
    } catch (error) {
      const explained = explainFailure(error, () => this.#engine.status());
      for (const listener of batch) tell(() => listener.failed(explained));
      return;
    }
    for (const listener of batch) tell(() => listener.ready());
  }
}

/** What one of them throws is an uncaught error of the program, and keeps nothing from the next. */
function tell(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
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
