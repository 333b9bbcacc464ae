/**
 * Is there an order of the operations on one object, true to real time, that explains every answer?
 *
 * The search is Wing and Gong's with Lowe's memo: take any operation that was called before the first
 * return of those not yet taken, see whether its answer fits the state, go on; where nothing fits, go
 * back. What was tried is remembered as (operations taken, state), so nothing is tried twice. [Wing and
 * Gong, Testing and Verifying Concurrent Objects, 1993; Lowe, Testing for Linearizability, 2017]
 *
 * Operations of unknown outcome never return. They may be taken at any time after their call, or never.
 * Each would double the work; what keeps it small, and why no verdict changes by it:
 *
 * 1. More left over is never worse. Whoever has failed with some unknown operations still to use fails
 *    with a subset of them too: the extra ones need not be used. So a state that was seen with the same
 *    known operations taken and no unknown one used beyond those used now is not tried again.
 * 2. Unknown operations of equal effect stand in for one another; the one called first is used first.
 *
 * Where the model's known answers fix the state or leave it alone (`shortcuts`), three more hold:
 *
 * 3. A known operation that only looks, and fits now, is taken now and nothing else is tried: moving it
 *    forward to here changes the state for nobody.
 * 4. An unknown operation is taken only to make a known one possible that is not, directly before it. Say
 *    an order has an unknown u before a known k that fits without u too. If k only looks, let u wait
 *    until after k; it has no return that hurries it. Else k fixes the state, the same with and without
 *    u, so nobody sees u: leave it out. The same for an unknown that is blind (its effect does not depend
 *    on the state) behind u: nobody sees u. Repeat until no such u is left; each round moves one nearer to
 *    the end or takes one out, so it ends.
 * 5. A state that an operation not yet taken needs, that is not present, and that nothing left leads to,
 *    will never come: the search goes back at once. With values written once each, this is what makes bad
 *    histories as quick as good ones, since a value is seldom left before its readers have seen it.
 *
 * The verdict is `undecided` when the bound of steps is reached, unless two answers contradict each other
 * anyway (contradiction.ts). That is no approval.
 */
import { findContradiction } from './contradiction.ts';
import { EXPLAIN_STEPS_SHARE, explainViolation, type HistoryViolation } from './explain.ts';
import type { Interval, Model } from './model.ts';
import { OrderSearch } from './order-search.ts';

/** Enough for 1,000 operations a key with tens of unknown ones many times over; seconds at most. */
export const LINEARIZABILITY_STEPS_MAX = 2_000_000;

/** Bounds of one search. */
export interface LinearizabilityOptions {
  /** Steps of the model after which it gives up. */
  readonly stepsMax?: number;
}

/** There is an order that explains everything; there is none; or the search was given up. */
export type LinearizabilityVerdict =
  | { readonly kind: 'ok'; readonly steps: number }
  | { readonly kind: 'violation'; readonly steps: number; readonly violation: HistoryViolation }
  | { readonly kind: 'undecided'; readonly steps: number };

/** Operations on one object, in any order. Equal times count as simultaneous. */
export function checkLinearizable<State, Op>(
  model: Model<State, Op>,
  intervals: readonly Interval<Op>[],
  options: LinearizabilityOptions = {},
): LinearizabilityVerdict {
  const stepsMax = options.stepsMax ?? LINEARIZABILITY_STEPS_MAX;
  const search = new OrderSearch(model, intervals, stepsMax);
  const found = search.run();
  const { steps } = search;
  if (found === 'found') return { kind: 'ok', steps };
  if (found === 'gave up' && findContradiction(model, intervals) === undefined) {
    return { kind: 'undecided', steps };
  }
  const explainSteps = Math.max(stepsMax / EXPLAIN_STEPS_SHARE, steps * 2);
  return { kind: 'violation', steps, violation: explainViolation(model, intervals, explainSteps) };
}
