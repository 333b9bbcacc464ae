/**
 * How long nothing could be written: the time between one acknowledged write and the next, as the clients
 * see it, while a fault lasts and until all is well again.
 *
 * The rule: of a gap that part counts for a fault which lies in the fault's window. A window ends when writes
 * go on, so nothing of its gaps is left out; and a cluster that never came back shows the longest of all.
 */

export interface FaultWindow {
  readonly kind: string;
  readonly beginMs: number;
  /** When all was mended and writes went on. */
  readonly endMs: number;
}

/** `acknowledgedAt`: ascending. In ms. */
export function longestGap(acknowledgedAt: readonly number[], window: FaultWindow): number {
  const { beginMs, endMs } = window;
  const first = firstAfter(acknowledgedAt, beginMs);
  let longest = 0;
  let before = beginMs;
  for (let at = first; ; at++) {
    const next = acknowledgedAt[at];
    if (next === undefined || next >= endMs) return Math.max(longest, endMs - before);
    longest = Math.max(longest, next - before);
    before = next;
  }
}

/** Of the upper middle where there are two: never better than it was. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function firstAfter(ascending: readonly number[], limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] as number) > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}
