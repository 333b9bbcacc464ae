/**
 * Who waits for the signal of a caller. A program gives one signal to as many calls as it likes (all that
 * belong to one request, or to its own end), and an `EventTarget` looks through all of its listeners for each
 * that is added or removed: twenty thousand calls held the loop for seconds, and Node warned of a leak from
 * the eleventh on. So a signal has one listener of ours, which tells all that wait.
 */
import { throwOutside } from './throw-outside.ts';

interface Waiting {
  readonly callbacks: Set<() => void>;
  readonly tell: () => void;
}

const WAITING = new WeakMap<AbortSignal, Waiting>();

/**
 * `aborted` is called once, when the signal fires, in the order of registration; never for one that had
 * fired before. What it throws harms none of the others. It is kept until then, or until `offAbort`.
 */
export function onAbort(signal: AbortSignal, aborted: () => void): void {
  if (signal.aborted) return;
  let waiting = WAITING.get(signal);
  if (waiting === undefined) {
    const callbacks = new Set<() => void>();
    waiting = { callbacks, tell: () => tellAll(signal, callbacks) };
    WAITING.set(signal, waiting);
    signal.addEventListener('abort', waiting.tell, { once: true });
  }
  waiting.callbacks.add(aborted);
}

/** It is not called any more, not even while the others are. Idempotent. */
export function offAbort(signal: AbortSignal, aborted: () => void): void {
  const waiting = WAITING.get(signal);
  if (waiting?.callbacks.delete(aborted) !== true || waiting.callbacks.size > 0) return;
  WAITING.delete(signal);
  signal.removeEventListener('abort', waiting.tell);
}

function tellAll(signal: AbortSignal, callbacks: Set<() => void>): void {
  for (const aborted of callbacks) {
    try {
      aborted();
    } catch (error) {
      throwOutside(error);
    }
  }
  WAITING.delete(signal);
}
