/**
 * Histories of clients, and whether they are linearizable.
 *
 * Record with `HistoryRecorder`, keep with `writeHistory`, judge with `checkHistory` (or
 * `checkHistoryFile`). `checkLinearizable` takes a model of your own, of one object.
 */
export { checkHistoryFile, type HistoryFileReport, historyReportLines } from './check-file.ts';
export {
  checkHistory,
  type HistoryFinding,
  type HistoryOptions,
  type HistoryReport,
} from './check-history.ts';
export type { HistoryViolation } from './explain.ts';
export { operationLine, readHistory, writeHistory } from './json-lines.ts';
export {
  checkLinearizable,
  LINEARIZABILITY_STEPS_MAX,
  type LinearizabilityOptions,
  type LinearizabilityVerdict,
} from './linearizability.ts';
export { type Interval, type Model, type ModelShortcuts, UNSURE } from './model.ts';
export {
  type HistoryCall,
  type HistoryGuard,
  type HistoryKind,
  type HistoryOperation,
  type HistoryOutcome,
  type HistoryStep,
  OPERATION_KINDS,
  operationText,
  type RangeOutput,
  type TxnOutput,
} from './operation.ts';
export { type AskedOperation, HistoryRecorder, type OperationToken } from './recorder.ts';
export { type RegisterOp, type RegisterState, registerModel } from './register-model.ts';
export { partsByKey } from './register-parts.ts';
export {
  checkRevisionOrder,
  REVISION_STEPS_MAX,
  type RevisionOrderOptions,
  type RevisionVerdict,
} from './revision-order.ts';
