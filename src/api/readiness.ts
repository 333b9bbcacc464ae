/**
 * Whether a node should be sent traffic. "Ready" is not a guess from numbers alone: it is tried with a
 * linearizable read, the very thing that clients would ask for, under a short deadline. A node that knows
 * better at once (no leader, stopping, far behind) says so without trying.
 */
import type { NodeStatus } from '../consensus/index.ts';
import type { Engine } from '../engine/index.ts';
import { textOf } from '../given.ts';
import { READY_CHECK_MS_MAX, READY_LAG_ENTRIES_MAX } from '../limits.ts';
import { describeQuorum, quorumFacts } from './explain.ts';
import type { HealthAnswer, ReadinessAnswer } from './types.ts';

/** The doors may be open before the node has read its log: that is neither failed nor ready. */
function statusOf(engine: Engine): NodeStatus | undefined {
  try {
    return engine.status();
  } catch {
    return undefined;
  }
}

export function healthOf(engine: Engine): HealthAnswer {
  const status = statusOf(engine);
  if (status === undefined) return { healthy: true, phase: 'starting', failure: undefined };
  const healthy = status.failure === undefined && status.phase !== 'failed';
  return { healthy, phase: status.phase, failure: status.failure };
}

/** What the node knows against itself without asking anybody. */
function knownReasons(status: NodeStatus, draining: boolean): string[] {
  const reasons: string[] = [];
  if (status.failure !== undefined) {
    reasons.push(`the node has failed: ${status.failure.code}: ${status.failure.message}`);
  } else if (status.phase !== 'running') {
    reasons.push(`the node is ${status.phase}`);
  } else if (draining) {
    reasons.push('the node is stopping');
  }
  if (status.leaving) {
    reasons.push('the node was removed, and runs on only until the others can do without it');
  } else if (status.leader === undefined && status.members.length === 0) {
    reasons.push('the node was let in, and waits for the leader to send it the state');
  } else if (status.leader === undefined) {
    reasons.push(`no leader is known: ${describeQuorum(quorumFacts(status))}`);
  }
  const behind = status.commitIndex - status.appliedIndex;
  if (behind > READY_LAG_ENTRIES_MAX) {
    reasons.push(`applied ${status.appliedIndex} of ${status.commitIndex} committed entries`);
  }
  return reasons;
}

export async function readinessOf(engine: Engine, draining: boolean): Promise<ReadinessAnswer> {
  const before = statusOf(engine);
  if (before === undefined) {
    return { ready: false, leader: undefined, reasons: ['the node is starting'] };
  }
  const reasons = knownReasons(before, draining);
  if (reasons.length === 0) {
    try {
      await engine.readBarrier({ timeoutMs: READY_CHECK_MS_MAX });
    } catch (error) {
      reasons.push(`a linearizable read fails: ${textOf(error)}`);
    }
  }
  return { ready: reasons.length === 0, leader: before.leader?.nodeId, reasons };
}
