/**
 * A wall clock that jumps when a test says so, chosen by `testing.clock`. For tests only: they let a test
 * show that nothing but what is displayed rests on the wall clock. How far it is off stands in a file, so
 * that it can be changed while the node runs.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Clock, realClock, steppedClock } from '../../world/index.ts';
import type { TestingClock } from '../config/schema.ts';

/** In the data folder: milliseconds that the wall clock is off by, a whole number. */
const OFFSET_FILE = 'CLOCK-OFFSET';
/** A century: beyond, dates can not be written any more. */
const OFFSET_MS_MAX = 100 * 365 * 24 * 3_600 * 1_000;

export function clockFor(kind: TestingClock, dataDir: string): Clock {
  const clock = realClock();
  if (kind === 'real') return clock;
  const path = join(dataDir, OFFSET_FILE);
  return steppedClock(clock, () => offsetIn(path));
}

function offsetIn(path: string): number {
  try {
    const ms = Number(readFileSync(path, 'utf8').trim());
    return Number.isSafeInteger(ms) && Math.abs(ms) <= OFFSET_MS_MAX ? ms : 0;
  } catch {
    return 0;
  }
}
