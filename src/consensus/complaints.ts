/**
 * The node's errors that need more words than a line, and what is checked at its door. Kept apart so
 * that the node itself reads as what it does.
 */
import { offAbort, onAbort } from '../abort-signals.ts';
import { ClusterError, type ErrorCode } from '../errors.ts';
import { textOf } from '../given.ts';
import type { LogIndex } from '../raft/index.ts';
import type { Identity } from '../storage/index.ts';
import type { MemberRecord } from './members.ts';
import type { NodePhase, RequestId } from './types.ts';

/** What ends a node's part: an error of ours as it is, anything else as a bug, here or in a part of one's own. */
export function toFailure(cause: unknown): ClusterError {
  return named('INTERNAL', 'an unexpected fault', cause);
}

/** What a call of the storage ended with: an error of ours as it is, anything else as a fault of the disk. */
export function storageFailure(cause: unknown): ClusterError {
  return named('DISK_FAILED', 'the storage failed', cause);
}

/** What the machine threw while it was captured: an error of ours as it is, anything else as a bug of it. */
export function snapshotFailure(cause: unknown): ClusterError {
  return named('STATE_MACHINE_FAILED', 'snapshot of the state machine threw', cause);
}

/** The same, of commands that it was given: with the entry, so that they can be found in the log. */
export function applyFailure(index: LogIndex, cause: unknown): ClusterError {
  if (cause instanceof ClusterError) return cause;
  return new ClusterError(
    'STATE_MACHINE_FAILED',
    `applyBatch of the state machine threw at entry ${index}: ${textOf(cause)}. No command is skipped, so this ` +
      'node ends, as will every other that has the same bug. `quorate log inspect DIR --entries ' +
      `${index}..${index}\` shows the entry; mend the machine, and start again on the same folder`,
    { cause, details: { index } },
  );
}

function named(code: ErrorCode, what: string, cause: unknown): ClusterError {
  if (cause instanceof ClusterError) return cause;
  return new ClusterError(code, `${what}: ${textOf(cause)}`, { cause });
}

const REFUSALS: Readonly<Record<string, ErrorCode>> = {
  incarnation: 'MEMBER_WIPED',
  removed: 'MEMBER_REMOVED',
  twin: 'MEMBER_TWIN',
};

/** What a peer's refusal says about this node's place in the cluster; `undefined`: nothing final. */
export function refusalMeaning(error: Error): ErrorCode | undefined {
  if (!(error instanceof ClusterError) || error.details['by'] !== 'them') return undefined;
  return REFUSALS[String(error.details['refusal'])];
}

export function sessionExpired(request: RequestId): ClusterError {
  return new ClusterError(
    'SESSION_EXPIRED',
    `session ${request.session} does not exist any more: whether request ${request.sequence} ` +
      'was applied before is not known, it was not applied now. Open a new session',
    { details: { ...request } },
  );
}

export function sequenceStale(request: RequestId): ClusterError {
  return new ClusterError(
    'SEQUENCE_STALE',
    `request ${request.sequence} of session ${request.session} was acknowledged as done; ` +
      'its result is not kept any more. Use a new sequence number',
    { details: { ...request } },
  );
}

export function unknownMember(nodeId: string, known: readonly MemberRecord[]): ClusterError {
  const names = known.map((member) => member.nodeId).join(', ');
  return new ClusterError(
    'MEMBER_UNKNOWN',
    `no member is called ${JSON.stringify(nodeId)}; the members are ${names}`,
    { details: { nodeId } },
  );
}

export function removedFrom({ nodeId, raftId, clusterName }: Identity): ClusterError {
  return new ClusterError(
    'MEMBER_REMOVED',
    `node ${nodeId} (raft id ${raftId}) was removed from cluster ${clusterName}: ` +
      'to bring it back, empty its data folder, add it as a new member and start it with its invitation',
    { details: { nodeId, raftId } },
  );
}

export function notStarted(nodeId: string, phase: NodePhase): ClusterError {
  const how = phase === 'starting' ? 'wait for start() to resolve' : 'call start()';
  return new ClusterError('NOT_STARTED', `node ${nodeId} is ${phase}: ${how}`);
}

/** A node starts once; one that runs takes no harm from being asked again. */
export function startedBefore(nodeId: string, phase: NodePhase): ClusterError {
  const isOver = phase === 'failed' || phase === 'stopped';
  const how = isOver ? 'make a new one' : 'start() was called before';
  const code = isOver ? 'NODE_STOPPED' : 'REQUEST_INVALID';
  return new ClusterError(code, `node ${nodeId} is ${phase}: ${how}`);
}

export function notLeader(leader: string | undefined): ClusterError {
  return new ClusterError(
    'NOT_LEADER',
    `only the leader can do this; ${leader ?? 'nobody'} leads`,
    { details: { leader: leader ?? null } },
  );
}

/** @throws ClusterError ABORTED when the caller gave up before anything was done. */
export function checkNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  const message = 'the caller gave up before anything was done';
  throw new ClusterError('ABORTED', message, { cause: signal.reason, retryable: 'yes' });
}

/** The error for one who gave up while something was on its way. */
export function abandoned(signal: AbortSignal): ClusterError {
  const message = 'the caller gave up waiting; what was begun may still take effect';
  return new ClusterError('ABORTED', message, { cause: signal.reason });
}

/** Waits for `promise`; when the signal fires meanwhile, `give` gets the error to settle it with. */
export async function unlessAborted<T>(
  signal: AbortSignal | undefined,
  promise: Promise<T>,
  give: (error: Error) => void,
): Promise<T> {
  if (signal === undefined) return await promise;
  const listener = (): void => give(abandoned(signal));
  onAbort(signal, listener);
  try {
    return await promise;
  } finally {
    offAbort(signal, listener);
  }
}
