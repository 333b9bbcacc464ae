/**
 * An open loop: operations are due at a fixed rate, and each one's latency counts from when it was due, not
 * from when the driver came round to sending it. A system that stalls for a second is charged with that second
 * for every operation that was due in it; a closed loop would have asked once and waited (coordinated omission).
 *
 * A timer of Node is good for a millisecond. So a driver at rest adds up to that to each latency; it is not
 * taken off, since nobody could tell it from a driver that is too slow.
 */
import type { Issue } from './closed-loop.ts';
import { MeasuredWindow } from './measured-window.ts';
import type { LoadResult, Window } from './spec.ts';

const TURN_MS = 1;

export interface OpenLoop extends Window {
  /** Operations a second. */
  readonly rate: number;
  /** Operations under way at once; what is due beyond is skipped, and counted. */
  readonly inflight: number;
}

export async function openLoop(issue: Issue, loop: OpenLoop): Promise<LoadResult> {
  const { rate, inflight, warmSeconds, seconds } = loop;
  const window = new MeasuredWindow(loop.serverPids);
  const beganAt = performance.now();
  const openAt = beganAt + warmSeconds * 1_000;
  const endAt = openAt + seconds * 1_000;
  let due = 0;
  let running = 0;
  const begin = (number: number): void => {
    const dueAt = beganAt + (number / rate) * 1_000;
    running++;
    issue(number, (error) => {
      running--;
      if (error === undefined) window.ended(dueAt, performance.now());
      else window.failed(error);
    });
  };
  let isOpen = false;
  for (let now = beganAt; now < endAt; now = performance.now()) {
    if (!isOpen && now >= openAt) {
      isOpen = true;
      window.open();
    }
    const wanted = Math.floor(((now - beganAt) / 1_000) * rate);
    while (due < wanted && running < inflight) begin(due++);
    window.skipped(wanted - due);
    due = wanted;
    await nextTurn();
  }
  window.close();
  while (running > 0) await nextTurn();
  return window.result();
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, TURN_MS);
  });
}
