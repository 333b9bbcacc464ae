/**
 * What a node says of itself, and why it can not do what it was asked: "no leader" without who is
 * missing helps nobody (WISHES 41). Facts only: what this node sees, not what it guesses.
 */
import { ClusterError, type ErrorCode, type ErrorDetails } from '../errors.ts';
import type { LogIndex, RaftStatus } from '../raft/index.ts';
import { NONE, ProgressState, StateType } from '../raft/index.ts';
import type { PeerStatus } from '../transport/index.ts';
import type { Live } from './assemble.ts';
import type { NodeParts } from './node-parts.ts';
import type { Stage } from './proposal.ts';
import type { Divergence, Member, MemberStatus, NodePhase, NodeRole, NodeStatus } from './types.ts';

const ROLE_NAMES: Readonly<Record<StateType, NodeRole>> = {
  [StateType.Follower]: 'follower',
  [StateType.Candidate]: 'candidate',
  [StateType.Leader]: 'leader',
  [StateType.PreCandidate]: 'pre-candidate',
};

const PROGRESS_NAMES: Readonly<Record<ProgressState, NonNullable<MemberStatus['progress']>>> = {
  [ProgressState.Probe]: 'probe',
  [ProgressState.Replicate]: 'replicate',
  [ProgressState.Snapshot]: 'snapshot',
};

/** Each member with what the transport and, on the leader, raft know of it. */
function memberStatuses(
  self: number,
  members: readonly Member[],
  peers: readonly PeerStatus[],
  raft: RaftStatus,
): MemberStatus[] {
  const byId = new Map(peers.map((peer) => [peer.raftId, peer]));
  return members.map((member) => {
    const peer = byId.get(member.raftId);
    const progress = raft.progress.get(member.raftId);
    return {
      ...member,
      address: peer?.address ?? member.address,
      connected: member.raftId === self || peer?.connected === true,
      ...(progress === undefined
        ? {}
        : {
            matchIndex: progress.match,
            progress: PROGRESS_NAMES[progress.state],
            active: progress.recentActive || member.raftId === self,
          }),
      ...(peer?.lastError === undefined || peer.connected ? {} : { lastError: peer.lastError }),
    };
  });
}

/** The node's own part of what it says. */
export interface OwnStatus {
  readonly phase: NodePhase;
  readonly takesPart: boolean;
  readonly leaving: boolean;
  readonly leader: Member | undefined;
  readonly divergence: Divergence | undefined;
  readonly failure: ClusterError | undefined;
}

export function statusOf(parts: NodeParts, live: Live | undefined, own: OwnStatus): NodeStatus {
  const { config, storage, transport, replica } = parts;
  const { identity, core, loop, snapshots } = live ?? {};
  const raft = core?.status();
  const peers = own.takesPart ? transport.status() : [];
  const list = replica.members.list();
  const members = raft === undefined ? [] : memberStatuses(raft.id, list, peers, raft);
  return {
    nodeId: config.nodeId,
    raftId: identity?.raftId ?? NONE,
    clusterName: config.cluster.name,
    clusterId: identity?.clusterId ?? '',
    incarnation: identity?.incarnation ?? '',
    phase: own.phase,
    leaving: own.leaving,
    role: ROLE_NAMES[own.takesPart && loop !== undefined ? loop.role : StateType.Follower],
    term: raft?.hardState.term ?? 0,
    leader: own.leader,
    commitIndex: raft?.hardState.commit ?? 0,
    appliedIndex: replica.appliedIndex,
    firstIndex: storage.firstIndex(),
    lastIndex: storage.lastIndex(),
    durableIndex: storage.durableIndex,
    snapshotIndex: snapshots?.index ?? 0,
    snapshotFailure: snapshots?.failure,
    stateHash: replica.stateHash,
    divergence: own.divergence,
    members,
    quorum: quorumOf(members),
    sessions: replica.sessions.size,
    failure: own.failure && { code: own.failure.code, message: own.failure.message },
  };
}

/** Voters needed for a decision, and those that this node is in touch with (itself included). */
function quorumOf(members: readonly MemberStatus[]): { needed: number; reached: number } {
  const voters = members.filter((member) => member.role === 'voter');
  const reached = voters.filter((member) => member.connected).length;
  return { needed: Math.floor(voters.length / 2) + 1, reached };
}

/** The error for one who waited for a leader or a majority until the deadline. */
export function waitedInVain(status: NodeStatus, stage: Stage | 'read'): ClusterError {
  const { leader, quorum, term } = status;
  const missing = status.members.filter((m) => m.role === 'voter' && !m.connected);
  const details: ErrorDetails = {
    stage,
    term,
    leader: leader?.nodeId ?? null,
    quorum,
    missing: missing.map(({ nodeId, address, lastError }) => ({ nodeId, address, lastError })),
    node: status.nodeId,
  };
  const who = missing
    .map(
      ({ nodeId, address, lastError }) =>
        `${nodeId} at ${address}${lastError ? ` (${lastError})` : ''}`,
    )
    .join(', ');
  // More of them are no news: `3 of the 2 needed` reads as a slip.
  const reached = Math.min(quorum.reached, quorum.needed);
  const isJoining = status.members.length === 0;
  const seen = isJoining
    ? `node ${status.nodeId} is joining, and waits for the leader to bring it the log`
    : `node ${status.nodeId} reaches ${reached} of the ${quorum.needed} voters needed` +
      `${who === '' ? '' : `; missing: ${who}`}`;
  const leads = leader === undefined ? `no leader in term ${term}` : `leader is ${leader.nodeId}`;
  const advice = isJoining
    ? 'see whether the cluster has a leader that can dial this node'
    : quorum.reached < quorum.needed
      ? 'start the missing nodes or mend the network between them, then try again'
      : 'try again; an election or an overload may be passing';
  if (stage === 'queued' || stage === 'read') {
    const code = reasonFor(status);
    const what = stage === 'read' ? 'the read was not confirmed' : 'nothing was proposed';
    return new ClusterError(code, `deadline passed, ${what}: ${leads}, ${seen}; ${advice}`, {
      details,
    });
  }
  return new ClusterError(
    'OUTCOME_UNKNOWN',
    `deadline passed while the proposal was on its way, it may still take effect: ${leads}, ` +
      `${seen}; ${advice}. Repeat it only with the same request id`,
    { details },
  );
}

/** The error for one who waited to read while a snapshot took the place of the state. */
export function waitedForRestore(nodeId: string, appliedIndex: LogIndex): ClusterError {
  return new ClusterError(
    'DEADLINE_EXCEEDED',
    `deadline passed, nothing was read: node ${nodeId} had applied no more than index ` +
      `${appliedIndex}, and is installing a snapshot in the place of its state; ask another ` +
      'node, or try again when that is done',
    { details: { node: nodeId, appliedIndex } },
  );
}

/** The error for what only a leader can do, while this node knows none. */
export function nobodyLeads(status: NodeStatus): ClusterError {
  const { message, details } = waitedInVain(status, 'queued');
  const facts = message.slice(message.indexOf(': ') + 2);
  return new ClusterError(reasonFor(status), `nothing was done: ${facts}`, { details });
}

function reasonFor({ quorum, leader }: NodeStatus): ErrorCode {
  if (quorum.reached < quorum.needed) return 'NO_QUORUM';
  return leader === undefined ? 'NO_LEADER' : 'DEADLINE_EXCEEDED';
}
