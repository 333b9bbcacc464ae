/**
 * Linearizable reads that arrive together share one barrier of the engine: a barrier costs a round to a
 * majority, however many reads wait for it.
 *
 * The rule: a read may join a barrier that has not begun, never one that has. One that has begun may
 * have fixed its index before a write that was acknowledged before this read arrived. A batch therefore
 * is closed in the microtask after its first read, which is when the door has handed over everything
 * that came in one piece. Reads of different deadlines do not share, so that no timer is needed here.
 */
import { offAbort, onAbort } from '../abort-signals.ts';
import type { ReadOptions } from '../consensus/index.ts';
import type { Engine } from '../engine/index.ts';
import { ClusterError } from '../errors.ts';
import { throwOutside } from '../throw-outside.ts';
import { explainFailure } from './explain.ts';

/**
 * Waits until it may read. The contract is that of `ProposalListener`: one of the two is called, once, never
 * before `submit` has returned; it is to be quick, and not to throw.
 */
export interface ReadListener {
  /** The local state has everything that was acknowledged before the read came: read in this turn, or later. */
  ready(): void;
  failed(error: Error): void;
}

/** How long a read may wait, in ms; `local`: it reads what this node has, and waits for nobody. */
export type ReadWait = number | 'local';

const LOCAL: ReadOptions = { consistency: 'local' };

/** Reads that wait alike, until their barrier begins. */
type Batch = ReadListener[];

export class ReadBarriers {
  readonly #engine: Engine;
  readonly #forming: Map<ReadWait, Batch> = new Map();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  submit(wait: ReadWait, listener: ReadListener): void {
    let batch = this.#forming.get(wait);
    if (batch === undefined) {
      batch = [];
      this.#forming.set(wait, batch);
      queueMicrotask(() => void this.#begin(wait));
    }
    batch.push(listener);
  }

  /** Resolves when the local state has everything that was acknowledged before the call. */
  join(wait: ReadWait, signal?: AbortSignal): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      this.submit(wait, { ready: resolve, failed: reject });
    });
    return signal === undefined ? ready : untilAborted(ready, signal);
  }

  async #begin(wait: ReadWait): Promise<void> {
    const batch = this.#forming.get(wait) ?? [];
    this.#forming.delete(wait);
    try {
      await this.#engine.readBarrier(wait === 'local' ? LOCAL : { timeoutMs: wait });
    } catch (error) {
      const fault = error instanceof Error ? error : new Error(String(error));
      const explained = explainFailure(fault, () => this.#engine.status());
      tell(batch, explained);
      return;
    }
    tell(batch);
  }
}

/** All of them, whatever one of them throws. */
function tell(batch: Batch, error?: Error): void {
  for (const listener of batch) {
    try {
      if (error === undefined) listener.ready();
      else listener.failed(error);
    } catch (fault) {
      throwOutside(fault);
    }
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
    onAbort(signal, leave);
    shared.then(resolve, reject).finally(() => offAbort(signal, leave));
  });
}
