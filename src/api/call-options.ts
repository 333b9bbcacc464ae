/**
 * Deadlines, consistency and request ids, checked once for every door. What does not belong to an operation
 * is refused: a request id on a read, or a consistency on a write, means that the caller believes in a
 * protection that is not there.
 */
import type { ProposeOptions, WaitOptions } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import { REQUEST_TIMEOUT_MS_DEFAULT, REQUEST_TIMEOUT_MS_MAX } from '../limits.ts';
import { checkRequestId } from './request-id.ts';
import type { CallOptions, OperationKind } from './types.ts';

export function checkTimeout(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return REQUEST_TIMEOUT_MS_DEFAULT;
  const valid = Number.isSafeInteger(timeoutMs) && timeoutMs >= 1;
  if (valid && timeoutMs <= REQUEST_TIMEOUT_MS_MAX) return timeoutMs;
  throw new ClusterError(
    'REQUEST_INVALID',
    `timeout of ${timeoutMs} ms: must be a whole number from 1 to ${REQUEST_TIMEOUT_MS_MAX}`,
    { details: { field: 'timeoutMs' } },
  );
}

export function waitOptions(options: CallOptions): WaitOptions {
  const timeoutMs = checkTimeout(options.timeoutMs);
  return options.signal === undefined ? { timeoutMs } : { timeoutMs, signal: options.signal };
}

export function proposeOptions(options: CallOptions): ProposeOptions {
  const { signal, request } = options;
  if (request === undefined) return waitOptions(options);
  const timeoutMs = checkTimeout(options.timeoutMs);
  checkRequestId(request);
  return signal === undefined ? { timeoutMs, request } : { timeoutMs, signal, request };
}

/** @throws REQUEST_INVALID when an option does not go with that kind of operation. */
export function checkOptions(name: string, kind: OperationKind, options: CallOptions): void {
  if (options.request !== undefined && kind !== 'write') {
    throw new ClusterError(
      'REQUEST_INVALID',
      `${name} takes no request id: only writes of keys can be repeated by one`,
      { details: { field: 'request' } },
    );
  }
  const reads = kind === 'read' || kind === 'stream';
  if (options.consistency !== undefined && !reads) {
    throw new ClusterError('REQUEST_INVALID', `${name} takes no consistency: it is no read`, {
      details: { field: 'consistency' },
    });
  }
}
