/**
 * quorate/sim: a cluster in a box. Whole nodes, the very code that users run, in a world in which time,
 * disks, the network and chance are simulated: everything goes wrong, faster than in life, and a seed brings
 * it back.
 *
 * `simulate` tries a state machine of your own in it; docs/guides/simulation.md shows how, and
 * `quorate sim FILE` does it from the command line. `checkHistory` judges what clients of any store saw.
 *
 * @module quorate/sim
 */
import { MODES } from './faults/index.ts';

export {
  type AskedOperation,
  checkHistory,
  checkHistoryFile,
  checkLinearizable,
  checkRevisionOrder,
  type HistoryCall,
  type HistoryFileReport,
  type HistoryFinding,
  type HistoryGuard,
  type HistoryKind,
  type HistoryOperation,
  type HistoryOptions,
  type HistoryOutcome,
  HistoryRecorder,
  type HistoryReport,
  type HistoryStep,
  type HistoryViolation,
  historyReportLines,
  type Interval,
  LINEARIZABILITY_STEPS_MAX,
  type LinearizabilityOptions,
  type LinearizabilityVerdict,
  type Model,
  type ModelShortcuts,
  OPERATION_KINDS,
  type OperationToken,
  operationLine,
  operationText,
  type RangeOutput,
  REVISION_STEPS_MAX,
  type RevisionOrderOptions,
  type RevisionVerdict,
  readHistory,
  type TxnOutput,
  UNSURE,
  writeHistory,
} from './history/index.ts';
export { simulate } from './own/simulate-own.ts';
export type * from './own/simulation.ts';
export type { RunSums } from './run/sums.ts';

/** Families of faults that are drawn together; `all` is all of them. For `mode` of `simulate`. */
export const SIMULATION_MODES: readonly string[] = Object.keys(MODES);
