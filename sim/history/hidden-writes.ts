/**
 * Fills missing revisions with writes that nobody saw.
 *
 * A write of unknown outcome is hidden at a revision if it takes effect there, and the next thing that
 * happens to its key, if anything does, is a put: then no answer differs by it, wherever else hidden
 * writes are. Puts always take effect. What takes effect only in some states (a delete, a compare) is
 * hidden only on a key where nothing else is hidden, so that they can not spoil each other.
 *
 * This is a shortcut for the search of revision-search.ts, and gives up wherever it is not sure: with
 * transactions, and where somebody compares versions or revisions of keys, which show hidden writes too.
 */
import { type HistoryOperation, rangeHoldsKey } from './operation.ts';
import { keysOf } from './register-parts.ts';
import type { Candidate, RevisionEvents } from './revision-events.ts';
import type { RevisionReplay } from './revision-replay.ts';

interface Touch {
  readonly revision: number;
  readonly isPut: boolean;
}

/** True: all are filled, in `replay.placed`, and a replay from the start agrees. Else nothing is changed. */
export function fillHidden(
  events: RevisionEvents,
  replay: RevisionReplay,
  used: ReadonlySet<Candidate>,
): boolean {
  const touches = touchesByKey(events, replay);
  if (touches === undefined) return false;
  const free = new Set(events.candidates.filter((candidate) => !used.has(candidate)));
  const hiddenOn = new Map<string, 'puts' | 'one'>();
  const filled: number[] = [];
  for (const revision of events.missing) {
    if (replay.placed.has(revision)) continue;
    let chosen: Candidate | undefined;
    // The one called last before it: the most likely one, and the least useful one for what is before.
    for (const candidate of free) {
      if (candidate.above >= revision) continue;
      if (chosen !== undefined && candidate.above <= chosen.above) continue;
      if (isHidden(candidate.operation, revision, replay, touches, hiddenOn)) chosen = candidate;
    }
    if (chosen === undefined) break;
    const { operation } = chosen;
    free.delete(chosen);
    hiddenOn.set(operation.key, operation.op === 'put' ? 'puts' : 'one');
    replay.placed.set(revision, operation);
    filled.push(revision);
  }
  const isFull = events.missing.every((revision) => replay.placed.has(revision));
  if (isFull && replay.run(0) === undefined) return true;
  for (const revision of filled) replay.placed.delete(revision);
  if (isFull) replay.run(0);
  return false;
}

function isHidden(
  operation: HistoryOperation,
  revision: number,
  replay: RevisionReplay,
  touches: ReadonlyMap<string, readonly Touch[]>,
  hiddenOn: ReadonlyMap<string, 'puts' | 'one'>,
): boolean {
  const { op, key, expect } = operation;
  if (op !== 'put' && op !== 'delete' && op !== 'cas') return false;
  const hidden = hiddenOn.get(key);
  if (hidden === 'one' || (hidden === 'puts' && op !== 'put')) return false;
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
