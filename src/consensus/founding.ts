/**
 * How a cluster begins. Each founding member writes, by itself, the same snapshot at the same fixed
 * index: it holds the founding members and an empty state. From there on everything is raft; no node
 * invents log entries. So "found" is idempotent, needs no network, and can not make two clusters out
 * of one list.
 *
 * The cluster's id is derived from that list (or given), and is written into the data folder: a
 * folder of another cluster, or of another node, is refused.
 */
import { createHash } from 'node:crypto';
import { ClusterError } from '../errors.ts';
import { type ConfState, EMPTY_CONF_STATE, type RaftId } from '../raft/index.ts';
import { encodeSnapshotDescriptor, type Identity, type Storage } from '../storage/index.ts';
import type { Random } from '../world/index.ts';
import type { ClusterConfig, RaftNodeConfig } from './config.ts';
import type { MemberRecord } from './members.ts';
import type { Replica } from './replica.ts';

/** Log position of the founding snapshot. Fixed for ever: it is part of every cluster's history. */
export const FOUNDING_INDEX = 1;
export const FOUNDING_TERM = 1;

/** Ids 1, 2, 3 ... in the order of the names: the same on every founding member. */
export function foundingMembers(cluster: ClusterConfig): MemberRecord[] {
  return [...cluster.members]
    .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
    .map(({ nodeId, address }, i) => ({ raftId: i + 1, nodeId, address }));
}

export function foundingClusterId(cluster: ClusterConfig): string {
  if (cluster.id !== undefined) return cluster.id;
  const text = JSON.stringify([cluster.name, foundingMembers(cluster)]);
  return createHash('sha256').update(`quorate cluster ${text}`).digest('hex').slice(0, 32);
}

function foundingConfState(members: readonly MemberRecord[]): ConfState {
  return { ...EMPTY_CONF_STATE, voters: members.map((member) => member.raftId) };
}

/**
 * Makes sure that the data folder is this node's own and holds at least the founding snapshot.
 * @throws ClusterError DATA_DIR_MISMATCH.
 */
export async function foundOrCheck(
  config: RaftNodeConfig,
  storage: Storage,
  replica: Replica,
  random: Random,
): Promise<Identity> {
  const known = storage.identity;
  if (known !== undefined) checkIdentity(known, config);
  const members = foundingMembers(config.cluster);
  const identity = known ?? newIdentity(config, members, random);
  if (known === undefined) await storage.found(identity);
  if (storage.lastIndex() === 0) await writeFoundingSnapshot(members, storage, replica);
  return identity;
}

function newIdentity(
  config: RaftNodeConfig,
  members: readonly MemberRecord[],
  random: Random,
): Identity {
  const self = members.find((member) => member.nodeId === config.nodeId);
  return {
    clusterName: config.cluster.name,
    clusterId: foundingClusterId(config.cluster),
    nodeId: config.nodeId,
    raftId: (self as MemberRecord).raftId,
    incarnation: Buffer.from(random.bytes(8)).toString('hex'),
  };
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

function checkIdentity(known: Identity, config: RaftNodeConfig): void {
  const given = config.cluster.id;
  const mismatches: (readonly [what: string, found: string, wanted: string])[] = [
    ['cluster', known.clusterName, config.cluster.name],
    ['cluster id', known.clusterId, given ?? known.clusterId],
    ['node', known.nodeId, config.nodeId],
  ];
  for (const [what, found, wanted] of mismatches) {
    if (found === wanted) continue;
    throw new ClusterError(
      'DATA_DIR_MISMATCH',
      `the data folder belongs to ${what} ${JSON.stringify(found)}, the configuration says ` +
        `${JSON.stringify(wanted)}: point the node to its own folder, or correct the configuration`,
      { details: { what, found, wanted } },
    );
  }
}
