/**
 * The replicated state machines: keys and values with revisions and watch, and how machines are composed.
 *
 * @module quorate/state
 */
export type { HistoryBounds } from './change-history.ts';
export { decodeCommand, encodeCommand, encodePut, KV_TAG } from './command-codec.ts';
export {
  validateCommand,
  validateCommandBytes,
  validateKey,
  validatePut,
  validateRange,
} from './command-limits.ts';
export { CompositeMachine, composeMachines, type MachinePart } from './composite-machine.ts';
export { isPrefixRange, keyAfter, prefixRange, rangeHolds } from './key-ranges.ts';
export { KvMachine, type KvMachineOptions, type KvStats } from './kv-machine.ts';
export type { KvWatch } from './kv-watch.ts';
export { KV_REJECTION_CODES, type RejectionCode, resultToError } from './rejections.ts';
export { decodeResult, encodeResult, unwrapResult } from './result-codec.ts';
export { type SimpleMachine, simpleMachine } from './simple-machine.ts';
export type * from './types.ts';
