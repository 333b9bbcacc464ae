/**
 * What a seed must have been through to count: a run in which little happened has shown nothing, however green
 * it is. A plan asks for more than that, and has spare faults for a run in which too few find somebody; so a
 * run below it means that the simulator does not do what it says, and is a violation like any other.
 *
 * The demand is part of the plan. Whoever makes a run smaller, or has few operations of his own (a user's
 * machine), makes a plan without it.
 */
import { Violation } from '../checkers/checker.ts';

export interface Minimum {
  readonly simulatedMs: number;
  /** Operations of clients that have begun, whatever came of them. */
  readonly operations: number;
  /** Faults that really struck. */
  readonly faults: number;
}

/** What each seed of `npm run sim` must reach. */
export const SEED_MINIMUM: Minimum = { simulatedMs: 60_000, operations: 500, faults: 10 };

export const ENOUGH = 'enough happened';

const NAMES: Readonly<Record<keyof Minimum, string>> = {
  simulatedMs: 'ms of simulated time',
  operations: 'operations',
  faults: 'faults that struck',
};

/** What came of a run without any violation. @throws Violation that names what there was too little of. */
export function demandMinimum(minimum: Minimum, reached: Minimum): void {
  const fields = ['simulatedMs', 'operations', 'faults'] as const;
  const short = fields.filter((field) => reached[field] < minimum[field]);
  if (short.length === 0) return;
  const texts = short.map(
    (field) => `${Math.floor(reached[field])} ${NAMES[field]} of at least ${minimum[field]}`,
  );
  throw new Violation(ENOUGH, `too little to count as a run: ${texts.join('; ')}`);
}
