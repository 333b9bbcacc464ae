/**
 * What an error says about a write: that it is certainly without effect, or that nobody knows.
 *
 * The rule: `certainly-not` only where the contract of the code promises it (src/errors.ts), so that a
 * promise that is broken is found by the checker: a write that "did not happen" and is read afterwards is a
 * violation. Everything else is unknown, which a checker must bear in both ways. Taking too much for
 * unknown would hide bugs, taking too much for certain would invent some.
 *
 * `retryable: 'yes'` is such a promise, for each code. Of those with `no`, only refusals of the request
 * itself are: the others may come from a node that failed after it had sent the write on.
 */
import { ClusterError, type ErrorCode } from '../../src/errors.ts';

export type Outcome = 'certainly-not' | 'unknown';

/** Refused at the door, by every node alike, before anything was begun. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'REQUEST_INVALID',
  'KEY_INVALID',
  'VALUE_TOO_LARGE',
  'COMMAND_TOO_LARGE',
  'CONFIG_INVALID',
]);

/** Of the first try of a write. */
export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof ClusterError)) return 'unknown';
  if (error.retryable === 'yes') return 'certainly-not';
  return error.retryable === 'no' && REFUSALS.has(error.code) ? 'certainly-not' : 'unknown';
}
