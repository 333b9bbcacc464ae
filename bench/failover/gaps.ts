/** What a trace says about a moment at which something happened. */
import type { TraceResult } from '../load/spec.ts';

type Calls = TraceResult['calls'];

/**
 * From `at` until the first acknowledgement of a put that was sent after `afterwards` (when what happened was
 * over for certain): an answer that was on its way already proves nothing. Infinity: there was none.
 */
export function untilAcknowledged(calls: Calls, at: number, afterwards: number): number {
  let first = Number.POSITIVE_INFINITY;
  for (const [start, end, isAcknowledged] of calls) {
    if (isAcknowledged && start >= afterwards) first = Math.min(first, end);
  }
  return first - at;
}

/** The longest time between two acknowledgements that touches [from, to], in ms. */
export function longestGap(calls: Calls, from: number, to: number): number {
  const ends = calls.flatMap(([, end, isAcknowledged]) => (isAcknowledged ? [end] : []));
  ends.sort((a, b) => a - b);
  let longest = 0;
  for (let at = 1; at < ends.length; at++) {
    const [before, after] = [ends[at - 1]!, ends[at]!];
    if (after >= from && before <= to) longest = Math.max(longest, after - before);
  }
  return longest;
}

export function failedCalls(calls: Calls): number {
  return calls.filter(([, , isAcknowledged]) => !isAcknowledged).length;
}
