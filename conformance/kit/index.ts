/** What the suites are made of, and what runs them. */
export {
  type CaseBounds,
  type CaseResult,
  type CaseSpec,
  type ConformanceCase,
  type ConformanceReport,
  makeCases,
  type RunOptions,
  registerCases,
  runConformance,
  type SuiteParts,
  type TestFunction,
} from './cases.ts';
export {
  begun,
  Checks,
  giveBack,
  nextTurn,
  pollUntil,
  SETTLE_MS_MAX,
  withDeadline,
} from './checks.ts';
export { type ConformanceDice, conformanceDice } from './dice.ts';
export { ConformanceFailure, codeOf, type FailureFacts, shown, textOf } from './failure.ts';
export { checkOffers, checkParts, type PartRule } from './rig-check.ts';
