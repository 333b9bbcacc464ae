/**
 * Handing leadership over: to whom, and whether it has come to nothing. The core does the rest.
 */
import { type BasicStatus, NONE, type RaftId } from '../raft/index.ts';
import type { Live } from './assemble.ts';
import type { MemberRecord } from './members.ts';
import type { NodeParts } from './node-parts.ts';

/** Begins to hand leadership to the voter that is furthest; who that is. */
export function handOver(parts: NodeParts, live: Live): MemberRecord | undefined {
  const to = bestSuccessor(parts, live);
  if (to === undefined) return undefined;
  live.loop.guard(() => live.core.transferLeadership(to));
  return parts.replica.members.get(to);
}

/** The voter that is connected and furthest: whom leadership is best handed to. */
function bestSuccessor({ replica, transport }: NodeParts, { core }: Live): RaftId | undefined {
  const { voters } = replica.members.confState;
  const connected = new Set(
    transport.status().flatMap((peer) => (peer.connected ? [peer.raftId] : [])),
  );
  let best: RaftId | undefined;
  let furthest = -1;
  for (const [id, { match }] of core.status().progress) {
    if (id === core.id || !voters.includes(id) || !connected.has(id)) continue;
    if (match > furthest) [best, furthest] = [id, match];
  }
  return best;
}

/** Whether there is nothing more to wait for: it has come about, has come to nothing, or nobody is there any more. */
export function isHandOverDecided(
  { transport }: NodeParts,
  { core, loop }: Live,
  heir: RaftId,
): boolean {
  if (loop.leaderId === heir || hasGivenUp(core.basicStatus(), heir)) return true;
  return !transport.status().some((peer) => peer.connected);
}

/**
 * By what the core of the old leader knows: it goes on, because the heir took an election timeout or lost its vote;
 * or another one was elected. False while nobody leads: the heir may be about to.
 */
export function hasGivenUp(
  { lead, leadTransferee }: Pick<BasicStatus, 'lead' | 'leadTransferee'>,
  heir: RaftId,
): boolean {
  return lead !== NONE && lead !== heir && leadTransferee !== heir;
}
