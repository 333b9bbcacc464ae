/**
 * How a cluster begins. Each founding member writes, by itself, the same snapshot at the same fixed
 * index: it holds the founding members and an empty state. From there on everything is raft; no node
 * invents log entries. So "found" is idempotent, needs no network, and can not make two clusters out
 * of one list.
 *
 * A node that joins founds nothing. Its folder gets the identity that its invitation names, and stays
 * empty until the leader sends the first snapshot: until then it acknowledges nothing, votes for
 * nobody's sake but its own log's, and can not stand for election, since no configuration names it.
 *
 * The cluster's id is derived from that list (or given), and is written into the data folder: a
 * folder of another cluster, or of another node, is refused.
 */
import { createHash } from 'node:crypto';
import { ClusterError } from '../errors.ts';
import { type ConfState, EMPTY_CONF_STATE, type RaftId } from '../raft/index.ts';
import { encodeSnapshotDescriptor, type Identity, type Storage } from '../storage/index.ts';
import type { Random } from '../world/index.ts';
import { checkInvitation } from './check-config.ts';
import type { ClusterConfig, RaftNodeConfig } from './config.ts';
import type { MemberRecord } from './members.ts';
import type { Replica } from './replica.ts';
import type { Invitation } from './types.ts';

/** Log position of the founding snapshot. Fixed for ever: it is part of every cluster's history. */
export const FOUNDING_INDEX = 1;
const FOUNDING_TERM = 1;

/** Ids 1, 2, 3 ... in the order of the names: the same on every founding member. */
function foundingMembers(cluster: ClusterConfig): MemberRecord[] {
  return [...cluster.members]
    .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
    .map(({ nodeId, address }, i) => ({ raftId: i + 1, nodeId, address }));
}

/**
 * The id that the founding members come to, each by itself: `id`, or a hash of the name and the
 * members. 32 hexadecimal digits.
 */
export function foundingClusterId(cluster: ClusterConfig): string {
  if (cluster.id !== undefined) return cluster.id;
  const text = JSON.stringify([cluster.name, foundingMembers(cluster)]);
  return createHash('sha256').update(`quorate cluster ${text}`).digest('hex').slice(0, 32);
}

function foundingConfState(members: readonly MemberRecord[]): ConfState {
  return { ...EMPTY_CONF_STATE, voters: members.map((member) => member.raftId) };
}

/**
 * Makes sure that the data folder is this node's own, and holds at least the founding snapshot, or
 * belongs to a node that was invited.
 * @throws ClusterError DATA_DIR_MISMATCH.
 */
export async function foundOrCheck(
  config: RaftNodeConfig,
  storage: Storage,
  replica: Replica,
  random: Random,
): Promise<Identity> {
  const known = storage.identity;
  const invitation = await invitationOf(config, known);
  if (known !== undefined) checkIdentity(known, config, invitation);
  const identity = known ?? newIdentity(config, invitation, random);
  if (known === undefined) await storage.found(identity);
  if (storage.lastIndex() > 0) return identity;
  const founders = foundingMembers(config.cluster);
  if (config.join === undefined && isFounder(identity, founders)) {
    await writeFoundingSnapshot(founders, storage, replica);
    return identity;
  }
  // Joining: nothing is here until the leader calls, which knows this node's address from the log.
  for (const member of invitation?.members ?? []) replica.members.introduce(member);
  return identity;
}

/** How to get one is asked only by a node that needs it. */
async function invitationOf(
  config: RaftNodeConfig,
  known: Identity | undefined,
): Promise<Invitation | undefined> {
  if (typeof config.join !== 'function') return config.join;
  if (known !== undefined) return undefined;
  const invitation = await config.join();
  checkInvitation(invitation, config);
  return invitation;
}

function isFounder(identity: Identity, founders: readonly MemberRecord[]): boolean {
  return founders.some(
    ({ raftId, nodeId }) => raftId === identity.raftId && nodeId === identity.nodeId,
  );
}

function newIdentity(
  { nodeId, cluster }: RaftNodeConfig,
  join: Invitation | undefined,
  random: Random,
): Identity {
  const incarnation = Buffer.from(random.bytes(8)).toString('hex');
  const clusterName = cluster.name;
  if (join !== undefined) {
    return { clusterName, clusterId: join.clusterId, nodeId, raftId: join.raftId, incarnation };
  }
  const self = foundingMembers(cluster).find((member) => member.nodeId === nodeId);
  const { raftId } = self as MemberRecord;
  return { clusterName, clusterId: foundingClusterId(cluster), nodeId, raftId, incarnation };
}

async function writeFoundingSnapshot(
  members: readonly MemberRecord[],
  storage: Storage,
  replica: Replica,
): Promise<void> {
  const confState = foundingConfState(members);
  replica.found((members.length + 1) as RaftId, confState, members, FOUNDING_INDEX, FOUNDING_TERM);
  const at = { index: FOUNDING_INDEX, term: FOUNDING_TERM, confState };
  const stored = await storage.saveSnapshot(at, replica.capture());
  const snapshot = { metadata: at, data: encodeSnapshotDescriptor(stored) };
  await storage.installSnapshot(snapshot, {
    term: FOUNDING_TERM,
    vote: 0,
    commit: FOUNDING_INDEX,
  });
}

function checkIdentity(
  known: Identity,
  { cluster, nodeId }: RaftNodeConfig,
  join: Invitation | undefined,
): void {
  const given = cluster.id ?? join?.clusterId;
  const mismatches: (readonly [what: string, found: unknown, wanted: unknown])[] = [
    ['cluster', known.clusterName, cluster.name],
    ['cluster id', known.clusterId, given ?? known.clusterId],
    ['node', known.nodeId, nodeId],
    // A member that was removed and is invited again is another member: it must not bring old votes.
    ['raft id', known.raftId, join?.raftId ?? known.raftId],
  ];
  for (const [what, found, wanted] of mismatches) {
    if (found === wanted) continue;
    throw new ClusterError(
      'DATA_DIR_MISMATCH',
      `the data folder belongs to ${what} ${JSON.stringify(found)}, the configuration says ` +
        `${JSON.stringify(wanted)}: point the node to a folder of its own (an empty one, if it joins ` +
        'anew), or correct the configuration',
      { details: { what, found, wanted } },
    );
  }
}
