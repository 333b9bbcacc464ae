/**
 * "No leader" alone helps nobody. Whatever a node refuses for want of a leader or a majority says how many
 * voters are needed, how many are reached, who is missing and why, and what to try. It is put together here,
 * once, from the node's status at the moment of the refusal, for every door alike.
 */
import type { MemberStatus, NodeStatus } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';

const ABOUT_THE_MAJORITY: ReadonlySet<string> = new Set([
  'NO_LEADER',
  'NO_QUORUM',
  'OUTCOME_UNKNOWN',
  'DEADLINE_EXCEEDED',
]);

export interface QuorumFacts {
  readonly needed: number;
  readonly reached: number;
  readonly leader: string | undefined;
  /** Voters that this node has no connection to. */
  readonly missing: readonly { nodeId: string; address: string; lastError?: string }[];
}

export function quorumFacts(status: NodeStatus): QuorumFacts {
  const missing = status.members
    .filter((member) => member.role === 'voter' && !member.connected)
    .filter((member) => member.nodeId !== status.nodeId);
  return {
    needed: status.quorum.needed,
    reached: status.quorum.reached,
    leader: status.leader?.nodeId,
    missing: missing.map(missingMember),
  };
}

function missingMember(member: MemberStatus): {
  nodeId: string;
  address: string;
  lastError?: string;
} {
  const { nodeId, address, lastError } = member;
  return lastError === undefined ? { nodeId, address } : { nodeId, address, lastError };
}

/** `1 of 2 voters needed are reached (missing: n2 at 127.0.0.1:7101, n3 at ...)`. */
export function describeQuorum(facts: QuorumFacts): string {
  const who = facts.missing.map((member) => `${member.nodeId} at ${member.address}`).join(', ');
  const missing = who === '' ? '' : ` (missing: ${who})`;
  const reached = Math.min(facts.reached, facts.needed);
  return `${reached} of ${facts.needed} voters needed are reached${missing}`;
}

/** The same error with the facts in it, when it is of that kind; otherwise the error itself. */
export function explainFailure<T>(error: T, status: () => NodeStatus): T | ClusterError {
  if (!(error instanceof ClusterError) || !ABOUT_THE_MAJORITY.has(error.code)) return error;
  if ('quorum' in error.details) return error;
  let facts: QuorumFacts;
  try {
    facts = quorumFacts(status());
  } catch {
    return error;
  }
  const lost = facts.reached < facts.needed;
  const advice = lost ? '; start the missing nodes or mend the network between them' : '';
  return new ClusterError(error.code, `${error.message}; ${describeQuorum(facts)}${advice}`, {
    details: { ...error.details, quorum: facts },
    retryable: error.retryable,
    cause: error,
  });
}
