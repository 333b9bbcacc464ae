/**
 * Keys of which nobody saw what became of the last acknowledged write.
 *
 * A lost write shows only where somebody looks. A history without a last read of a key can be linearizable
 * although the store forgot what it had acknowledged there at the end; so whoever judges it must say of
 * which keys nothing can be said. What counts as a look is an answer that tells the value itself, asked
 * after all acknowledged writes were over; that a compare failed tells too little.
 */
import type { Interval } from './model.ts';
import { type RegisterOp, registerModel } from './register-model.ts';

/** In the given order. Keys without an acknowledged write have nothing to lose. */
export function unreadKeys(
  parts: ReadonlyMap<string, readonly Interval<RegisterOp>[]>,
): readonly string[] {
  return [...parts].filter(([, intervals]) => isUnread(intervals)).map(([key]) => key);
}

function isUnread(intervals: readonly Interval<RegisterOp>[]): boolean {
  let lastWrite = -1;
  let lastLook = -1;
  for (const { told, call, return: end } of intervals) {
    if (told === undefined || end === null) continue;
    if (!registerModel.shortcuts?.isObserver(told)) lastWrite = Math.max(lastWrite, end);
    else if (registerModel.shortcuts.needed(told) !== undefined)
      lastLook = Math.max(lastLook, call);
  }
  return lastWrite >= 0 && lastLook <= lastWrite;
}
