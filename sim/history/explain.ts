/**
 * Why a history is not linearizable, so that a person sees it in ten lines.
 *
 * A history that is fine up to some moment and not afterwards has one answer that broke it: the first
 * return up to which no order explains all. Beginnings of linearizable histories are linearizable, so
 * that return is found by halving. Everything called after it is left out, everything returned after it
 * counts as open. What remains is searched once more; shown is the longest order that was found, the state
 * at its end, and what could not follow.
 */
import type { Interval, Model } from './model.ts';
import { OrderSearch } from './order-search.ts';

/** Operations of the order that are shown, the last ones of it. */
const SHOWN_ORDER_MAX = 5;
const SHOWN_BLOCKED_MAX = 4;
/** The part of the bound on steps that each look at a beginning may use. */
export const EXPLAIN_STEPS_SHARE = 4;

/** To find the longest order one must go on where it is hopeless already; this far at most. */
const FAR_STEPS_MAX = 100_000;

/** Why a history is not linearizable, in words. */
export interface HistoryViolation {
  /** The return up to which everything can be explained, and with which no more; as a text. */
  readonly culprit: string;
  /** Operations of the longest order that fits, and how many have to fit. */
  readonly order: readonly string[];
  readonly needed: number;
  readonly state: string;
  /** Operations that would have to come next and do not fit. */
  readonly blocked: readonly string[];
  /** All of that in words, a line each. */
  readonly lines: readonly string[];
}

export function explainViolation<State, Op>(
  model: Model<State, Op>,
  intervals: readonly Interval<Op>[],
  stepsMax: number,
): HistoryViolation {
  const returns = intervals
    .filter(({ told }) => told !== undefined)
    .map((interval) => interval.return as number)
    .sort((a, b) => a - b);
  let low = 0;
  let high = returns.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const search = new OrderSearch(model, upTo(intervals, returns[middle] as number), stepsMax);
    // Given up counts as fine: the beginning shown is then longer than it need be, never wrong.
    if (search.run() === 'none') high = middle;
    else low = middle + 1;
  }
  const end = returns[high] as number;
  const beginning = upTo(intervals, end);
  const failed = new OrderSearch(model, beginning, FAR_STEPS_MAX, true);
  failed.run();
  const culprit = intervals.find(({ return: at, told }) => told !== undefined && at === end);
  return inWords(culprit?.text ?? '', beginning, failed.best(), model);
}

function upTo<Op>(intervals: readonly Interval<Op>[], end: number): Interval<Op>[] {
  const kept: Interval<Op>[] = [];
  for (const interval of intervals) {
    if (interval.call > end) continue;
    const isOpen = interval.return === null || interval.return > end;
    kept.push(isOpen ? { ...interval, return: null, told: undefined } : interval);
  }
  return kept;
}

function inWords<State, Op>(
  culprit: string,
  beginning: readonly Interval<Op>[],
  best: { order: readonly Interval<Op>[]; state: State; blocked: readonly Interval<Op>[] },
  model: Model<State, Op>,
): HistoryViolation {
  const order = best.order.map(({ text }) => text);
  const blocked = best.blocked.map(({ text }) => text);
  const needed = beginning.filter(({ told }) => told !== undefined).length;
  const taken = best.order.filter(({ told }) => told !== undefined).length;
  const state = model.show(best.state);
  const lines = [
    `no order explains this answer: ${culprit}`,
    `of ${needed} answers up to it at most ${taken} fit, in this order at the end:`,
    ...(order.length === 0 ? ['  (nothing)'] : order.slice(-SHOWN_ORDER_MAX).map(indented)),
    `then the state is ${state}, and what must come next does not fit:`,
    ...blocked.slice(0, SHOWN_BLOCKED_MAX).map(indented),
  ];
  if (blocked.length > SHOWN_BLOCKED_MAX) {
    lines.push(`  and ${blocked.length - SHOWN_BLOCKED_MAX} more`);
  }
  return { culprit, order, needed, state, blocked, lines };
}

function indented(text: string): string {
  return `  ${text}`;
}
