/**
 * Why a history is not linearizable, so that a person sees it in ten lines.
 *
 * A history that is fine up to some moment and not afterwards has one answer that broke it: the first
 * return up to which no order explains all. Beginnings of linearizable histories are linearizable, so
 * that return is found by halving. Everything called after it is left out, everything returned after it
 * counts as open. Two reasons are looked for: two answers that contradict each other (contradiction.ts),
 * and the longest order that can be had, with the state at its end and what could not follow.
 *
 * The rule it protects: what it says is true. With hundreds of operations open at once the longest order
 * can not be found; then nothing is said of it, or plainly that there is no short explanation.
 */
import { type Contradiction, findContradiction } from './contradiction.ts';
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
  /** In words, a line each: what the culprit contradicts. Empty where that is not said so briefly. */
  readonly reason: readonly string[];
  /** Operations of the longest order that was found, and how many answers there are up to the culprit. */
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
  const contradiction = findContradiction(model, intervals);
  const end = firstBroken(model, intervals, stepsMax, contradiction?.answer.return ?? undefined);
  const beginning = upTo(intervals, end);
  const search = new OrderSearch(model, beginning, FAR_STEPS_MAX, true);
  const isWhole = search.run() === 'none';
  const isContradicted = contradiction?.answer.return === end;
  // What breaks later, but can be said, is better than what breaks first, and can not.
  const told = isContradicted || !isWhole ? contradiction : undefined;
  const culprit =
    told?.answer ?? intervals.find(({ return: at, told }) => told !== undefined && at === end);
  const reason = told === undefined ? [] : reasonLines(told);
  const { order, state, blocked } = search.best();
  const violation = {
    culprit: culprit?.text ?? '',
    reason,
    order: order.map(({ text }) => text),
    needed: beginning.filter(({ told }) => told !== undefined).length,
    state: model.show(state),
    blocked: blocked.map(({ text }) => text),
  };
  const taken = order.filter(({ told }) => told !== undefined).length;
  const lines = [`no order explains this answer: ${violation.culprit}`, ...reason];
  if (isWhole) lines.push(...orderLines(violation, taken));
  else if (reason.length === 0) lines.push(...givenUpLines(violation, taken));
  return { ...violation, lines };
}

/** The first return up to which no order explains all; not after `known`, which is known to be none such. */
function firstBroken<State, Op>(
  model: Model<State, Op>,
  intervals: readonly Interval<Op>[],
  stepsMax: number,
  known: number | undefined,
): number {
  const returns = intervals
    .filter(({ told }) => told !== undefined)
    .map((interval) => interval.return as number)
    .sort((a, b) => a - b);
  let low = 0;
  let high = known === undefined ? returns.length - 1 : returns.indexOf(known);
  // What is known is mostly the first one: that is asked first, and saves the halving.
  let middle = known === undefined ? (low + high) >> 1 : high - 1;
  while (low < high) {
    const search = new OrderSearch(model, upTo(intervals, returns[middle] as number), stepsMax);
    // Given up counts as fine: the beginning shown is then longer than it need be, never wrong.
    if (search.run() === 'none') high = middle;
    else low = middle + 1;
    middle = (low + high) >> 1;
  }
  return returns[high] as number;
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

function reasonLines<Op>({ before }: Contradiction<Op>): string[] {
  if (before === undefined) {
    return ['nothing that was called before it returned leads to the state that it tells of'];
  }
  return [
    'this was over before that was asked, and tells of another state:',
    indented(before.text),
    'and nothing that may have come between the two leads to the state that it tells of',
  ];
}

type Shown = Omit<HistoryViolation, 'lines'>;

function orderLines({ order, needed, state, blocked }: Shown, taken: number): string[] {
  const lines = [
    `of ${needed} answers up to it at most ${taken} fit, in this order at the end:`,
    ...(order.length === 0 ? ['  (nothing)'] : order.slice(-SHOWN_ORDER_MAX).map(indented)),
    `then the state is ${state}, and what must come next does not fit:`,
    ...blocked.slice(0, SHOWN_BLOCKED_MAX).map(indented),
  ];
  if (blocked.length > SHOWN_BLOCKED_MAX) {
    lines.push(`  and ${blocked.length - SHOWN_BLOCKED_MAX} more`);
  }
  return lines;
}

function givenUpLines({ order, needed, state }: Shown, taken: number): string[] {
  const given =
    'no short explanation was found: too much was open at once to find the longest order';
  if (order.length === 0) return [given];
  return [
    given,
    `the longest one seen holds ${taken} of ${needed} answers, and ends so:`,
    ...order.slice(-SHOWN_ORDER_MAX).map(indented),
    `then the state is ${state}`,
  ];
}

function indented(text: string): string {
  return `  ${text}`;
}
