/**
 * What to do after an attempt of a call failed. A pure decision, so that the cases can be read (and
 * tested) in one place.
 *
 * - `settle`: the answer is definite, the caller gets it.
 * - `again`: nothing happened, or repeating it is safe; the same node will do.
 * - `elsewhere`: the same, and this node is not the one to ask now.
 */
import type { ClusterError, ErrorCode } from '../errors.ts';

export type Verdict = 'settle' | 'again' | 'elsewhere';

/** The node itself is unfit; another one may well do it. */
const UNFIT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'NODE_STOPPED',
  'NODE_FAILED',
  'NOT_STARTED',
  'NO_LEADER',
  'NO_QUORUM',
  'NOT_LEADER',
  'OVERLOADED',
  'CONNECTION_FAILED',
  'DISK_FULL',
  'DISK_FAILED',
  'STORAGE_CLOSED',
  'STATE_DIVERGED',
  'MEMBER_REMOVED',
]);

export function verdictOf(error: ClusterError, mayRepeat: boolean): Verdict {
  // A try may keep all writes waiting for an election timeout: whether another one is worth it, the caller says.
  if (error.code === 'TRANSFER_TIMED_OUT') return 'settle';
  // Gone for good: a repetition is refused, and what happened before stays unknown.
  if (error.code === 'SESSION_EXPIRED' || error.code === 'INTERNAL') return 'settle';
  if (error.retryable === 'unknown-outcome') return mayRepeat ? 'again' : 'settle';
  // Never better on that node, and nothing was begun there.
  if (error.code === 'NODE_FAILED') return 'elsewhere';
  if (UNFIT.has(error.code)) {
    // Those with `no` may have come after the node had begun with it.
    return error.retryable === 'yes' || mayRepeat ? 'elsewhere' : 'settle';
  }
  return error.retryable === 'yes' ? 'again' : 'settle';
}
