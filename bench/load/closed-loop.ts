/**
 * A closed loop: so many operations in flight, each followed at once by another one. It tells how much goes
 * through; its latencies are those of a system at its limit, and belong to that number in flight only.
 */
import { pause } from '../../test/waiting.ts';
import { MeasuredWindow } from './measured-window.ts';
import type { LoadResult, Window } from './spec.ts';

/** Begins operation `number`; `done` is called once, never before this returns. */
export type Issue = (number: number, done: (error?: unknown) => void) => void;

export interface ClosedLoop extends Window {
  readonly inflight: number;
  /** Ends after so many instead of after a time. */
  readonly total?: number;
}

export async function closedLoop(issue: Issue, loop: ClosedLoop): Promise<LoadResult> {
  const { inflight, total, warmSeconds, seconds } = loop;
  const window = new MeasuredWindow(loop.serverPids);
  let number = 0;
  let running = 0;
  let isOver = false;
  let allEnded: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    allEnded = resolve;
  });
  const next = (): void => {
    const startMs = performance.now();
    issue(number++, (error) => {
      if (error === undefined) window.ended(startMs, performance.now());
      else window.failed(error);
      if (!isOver && (total === undefined || number < total)) next();
      else if (--running === 0) allEnded();
    });
  };
  const begin = (): void => {
    running = Math.min(inflight, total ?? inflight);
    for (let at = running; at > 0; at--) next();
  };
  if (total !== undefined) {
    window.open();
    begin();
    await ended;
    window.close();
    return window.result();
  }
  begin();
  await pause(warmSeconds * 1_000);
  window.open();
  await pause(seconds * 1_000);
  window.close();
  isOver = true;
  await ended;
  return window.result();
}
