/**
 * The shortest reason why a history is not linearizable, where there is one: two answers at most.
 *
 * An answer that needs one certain state (a read, a compare that held) is impossible if another operation,
 * over before it was asked, saw or left a different state, and nothing that may have come after that leads
 * to the needed one; or if nothing leads to it at all. That explains lost writes, stale reads and values out
 * of nowhere in two lines, however many operations were open meanwhile, which no search of orders does.
 *
 * The rule it protects: it must be true. What may have taken effect in time counts, whether it was answered
 * or not, and equal times are simultaneous. Only what was known when the answer came counts as known: so a
 * contradiction says where a history breaks too. What may go wrong is no harm: it overlooks reasons that need
 * three operations, and says nothing then. It explains, and decides only where the search gave up.
 */
import { type Interval, type Model, type ModelShortcuts, UNSURE } from './model.ts';

/** An answer that can not be. */
export interface Contradiction<Op> {
  readonly answer: Interval<Op>;
  /** Of another state, and over before `answer` was asked. Undefined: nothing leads to the needed state. */
  readonly before: Interval<Op> | undefined;
}

/** Of all contradictions the one that is complete first. */
export function findContradiction<State, Op>(
  model: Model<State, Op>,
  intervals: readonly Interval<Op>[],
): Contradiction<Op> | undefined {
  const { shortcuts } = model;
  if (shortcuts === undefined) return undefined;
  const initial = model.identify(model.initial);
  const known = intervals
    .filter(({ told }) => told !== undefined)
    .sort((a, b) => (a.return as number) - (b.return as number));
  for (const answer of known) {
    const needed = shortcuts.needed(answer.told as Op);
    if (needed === undefined) continue;
    // The simpler reason first: nobody ever led there.
    const never = { answer, before: undefined };
    if (needed !== initial && !isLedTo(shortcuts, intervals, needed, never)) return never;
    const before = lastOther(shortcuts, known, answer, needed);
    if (before === undefined) continue;
    if (!isLedTo(shortcuts, intervals, needed, { answer, before })) return { answer, before };
  }
  return undefined;
}

/** Called last of those over before it, and of another state: the later it was, the less may follow it. */
function lastOther<Op>(
  shortcuts: ModelShortcuts<Op>,
  known: readonly Interval<Op>[],
  answer: Interval<Op>,
  needed: string | number,
): Interval<Op> | undefined {
  let last: Interval<Op> | undefined;
  for (const one of known) {
    if ((one.return as number) >= answer.call) break;
    if (last !== undefined && one.call < last.call) continue;
    const state = stateAfter(shortcuts, one.told as Op);
    if (state !== undefined && state !== needed) last = one;
  }
  return last;
}

/** The state that was there when it was done; undefined: its answer does not tell. */
function stateAfter<Op>(shortcuts: ModelShortcuts<Op>, told: Op): string | number | undefined {
  if (shortcuts.isObserver(told)) return shortcuts.needed(told);
  const given = shortcuts.given(told);
  return given === UNSURE ? undefined : given;
}

/** Whether anything that may lie between the two may lead to that state. */
function isLedTo<Op>(
  shortcuts: ModelShortcuts<Op>,
  intervals: readonly Interval<Op>[],
  needed: string | number,
  { answer, before }: Contradiction<Op>,
): boolean {
  const end = answer.return as number;
  const from = before?.call ?? Number.NEGATIVE_INFINITY;
  return intervals.some((one) => {
    if (one === answer || one.call > end) return false;
    if (one.return !== null && one.return < from) return false;
    const isKnown = one.told !== undefined && (one.return as number) <= end;
    const effects = isKnown ? [one.told as Op] : one.pending;
    return effects.some((effect) => {
      const given = shortcuts.given(effect);
      return given === needed || given === UNSURE;
    });
  });
}
