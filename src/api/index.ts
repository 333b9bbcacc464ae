/**
 * api/: what can be asked of a node, once. Operations, their schemas, errors, consistency, deadlines and
 * request ids; no transport in it.
 */
export {
  bytesFromBase64,
  bytesFromPercent,
  bytesFromText,
  bytesToJson,
  parseJson,
  textOf,
} from './bytes.ts';
export {
  CallStats,
  type Door,
  LATENCY_BUCKETS_MS,
  type OperationStats,
  recordCall,
} from './call-stats.ts';
export { changeToJson, keyNotFound } from './json-forms.ts';
export { loadOperations } from './load-operations.ts';
export { createApi } from './node-api.ts';
export type { Operation, OperationTarget } from './operations.ts';
export type { ReadListener } from './read-barriers.ts';
export { formatRequestId, parseRequestId } from './request-id.ts';
export type { WatchInput } from './schemas.ts';
export type {
  Api,
  ApiContext,
  CallOptions,
  GetAnswer,
  HealthAnswer,
  JsonObject,
  OperationKind,
  OperationName,
  ReadinessAnswer,
  StatusAnswer,
  WatchOptions,
  WatchStream,
} from './types.ts';
