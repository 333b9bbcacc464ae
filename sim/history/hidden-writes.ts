/**
 * Fills missing revisions with writes that nobody saw.
 *
 * A write of unknown outcome is hidden at a revision if it takes effect there, and the next thing that
 * happens to its key, if anything does, is a put: then no answer differs by it, wherever else hidden
 * puts are. Puts always take effect, so which put goes where is a matter of pairing them with the gaps
 * (gap-matching.ts), and nothing need be searched. What takes effect only in some states (a delete, a
 * compare) is hidden in the same way as long as nothing else is hidden on its key; such a one is only named
 * here, for the search to choose.
 *
 * This is a shortcut for the search of revision-search.ts, and gives up wherever it is not sure: with
 * transactions, and where somebody compares versions or revisions of keys, which show hidden writes too.
 */
import { matchGaps } from './gap-matching.ts';
import { type HistoryOperation, rangeHoldsKey } from './operation.ts';
import { keysOf } from './register-parts.ts';
import type { Candidate, RevisionEvents } from './revision-events.ts';
import type { RevisionReplay } from './revision-replay.ts';

interface Touch {
  readonly revision: number;
  readonly isPut: boolean;
}

export interface HiddenWrites {
  /** Gaps for which there is no hidden put. Empty: all are filled, and a replay from the start agreed. */
  readonly left: readonly number[];
  /** Whether a candidate would be hidden in a gap, beside everything that is placed. */
  isHidden(gap: number, candidate: number): boolean;
}

/** `gaps`: those not filled yet, as places in `events.missing`. `replay` must agree so far. */
export function hideInGaps(
  events: RevisionEvents,
  replay: RevisionReplay,
  gaps: readonly number[],
  used: ReadonlySet<number>,
): HiddenWrites {
  const touches = touchesByKey(events, replay);
  if (touches === undefined) {
    return { left: gaps, isHidden: () => false };
  }
  const isHiddenAt = (gap: number, candidate: number): boolean => {
    const revision = events.missing[gap] as number;
    const { operation, above } = events.candidates[candidate] as Candidate;
    return above < revision && isHidden(operation, revision, replay, touches);
  };
  // Those called last first: they are the least useful ones for what is before.
  const puts = events.candidates
    .flatMap(({ operation }, i) => (operation.op === 'put' && !used.has(i) ? [i] : []))
    .reverse();
  const matched = new Map<number, number>();
  const edgesOf = (gap: number) => puts.filter((candidate) => isHiddenAt(gap, candidate));
  const left = matchGaps(gaps, edgesOf, matched).map(({ gap }) => gap);
  if (left.length > 0) return { left, isHidden: isHiddenAt };
  for (const [gap, candidate] of matched) {
    const { operation } = events.candidates[candidate] as Candidate;
    replay.placed.set(events.missing[gap] as number, operation);
  }
  if (
    matched.size === 0 ||
    replay.run(events.missing[Math.min(...matched.keys())] as number) === undefined
  ) {
    return { left, isHidden: isHiddenAt };
  }
  for (const gap of matched.keys()) replay.placed.delete(events.missing[gap] as number);
  replay.run(0);
  return { left: gaps, isHidden: () => false };
}

function isHidden(
  operation: HistoryOperation,
  revision: number,
  replay: RevisionReplay,
  touches: ReadonlyMap<string, readonly Touch[]>,
): boolean {
  const { op, key, expect } = operation;
  if (op !== 'put' && op !== 'delete' && op !== 'cas') return false;
  const before = op === 'put' ? null : replay.store.valueBefore(key, revision);
  if (op === 'delete' && before === null) return false;
  if (op === 'cas' && before !== expect) return false;
  const next = firstFrom(touches.get(key) ?? [], revision);
  return next === undefined || next.isPut;
}
function firstFrom(touches: readonly Touch[], revision: number): Touch | undefined {
  let low = 0;
  let high = touches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((touches[middle] as Touch).revision < revision) low = middle + 1;
    else high = middle;
  }
  return touches[low];
}

/** Everything told or placed that reads or writes a key, in order. Undefined: versions are compared. */
function touchesByKey(
  events: RevisionEvents,
  replay: RevisionReplay,
): Map<string, Touch[]> | undefined {
  const touches = new Map<string, Touch[]>();
  const note = (operation: HistoryOperation, revision: number): boolean => {
    if (operation.guards?.some(({ target }) => target !== 'value')) return false;
    const keys =
      operation.op === 'range'
        ? replay.store.keysIn(operation.key, operation.end)
        : keysOf([operation]);
    for (const key of keys) {
      if (operation.op === 'range' && !rangeHoldsKey(operation.key, operation.end, key)) continue;
      const list = touches.get(key);
      const touch = { revision, isPut: operation.op === 'put' };
      if (list === undefined) touches.set(key, [touch]);
      else list.push(touch);
    }
    return true;
  };
  for (let revision = 0; revision < events.writers.length; revision++) {
    const writer = events.writers[revision] ?? replay.placed.get(revision);
    if (writer !== undefined && !note(writer, revision)) return undefined;
    for (const reader of events.readers.get(revision) ?? []) {
      if (!note(reader, revision)) return undefined;
    }
  }
  return touches;
}
