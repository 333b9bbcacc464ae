/**
 * Looks at the clock, and does nothing else: where it is late, the machine did not let it run
 * (machine-witness.ts).
 */
import type { RecorderAnswer, RecorderOrder } from './recorder.ts';

/** `[from, to]`, in ms of the machine's monotonic clock, the same in all of its processes. */
export type Span = readonly [number, number];

const LOOKS_EVERY_MS = 5;
/** Longer than a process that has slept waits for its turn where others are merely busy. */
const LATE_MS = 20;

/** It should have run then, and did not. */
let standstills: Span[] = [];

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

let dueMs = nowMs() + LOOKS_EVERY_MS;
setInterval(() => {
  const atMs = nowMs();
  if (atMs - dueMs >= LATE_MS) standstills.push([dueMs, atMs]);
  dueMs = atMs + LOOKS_EVERY_MS;
}, LOOKS_EVERY_MS);

function answer(message: RecorderAnswer<Span>): void {
  process.send?.(message);
}

process.on('message', (order: RecorderOrder | Record<string, never>) => {
  if (!('give' in order)) {
    answer({ ready: true });
    return;
  }
  answer({ given: order.give as number, items: standstills });
  standstills = [];
});
process.on('disconnect', () => process.exit(0));
