/**
 * Looks at the clock, and does nothing else: where it is late, it was not let run (machine-witness.ts).
 */
import { machineMs, type Span } from './machine-clock.ts';
import type { RecorderAnswer, RecorderOrder } from './recorder.ts';

export type WitnessOrder = { readonly begin: true };

const LOOKS_EVERY_MS = 5;
/** Longer than a process that has slept waits for its turn where others are merely busy. */
const LATE_MS = 20;

/** It should have run then, and did not. */
let standstills: Span[] = [];

let dueMs = machineMs() + LOOKS_EVERY_MS;
setInterval(() => {
  const atMs = machineMs();
  if (atMs - dueMs >= LATE_MS) standstills.push([dueMs, atMs]);
  dueMs = atMs + LOOKS_EVERY_MS;
}, LOOKS_EVERY_MS);

function answer(message: RecorderAnswer<Span>): void {
  process.send?.(message);
}

process.on('message', (order: WitnessOrder | RecorderOrder) => {
  if ('begin' in order) {
    answer({ ready: true });
    return;
  }
  answer({ given: order.give, items: standstills });
  standstills = [];
});
process.on('disconnect', () => process.exit(0));
