/**
 * Whether a node can live by what it was told. The first mistake is named: field, value, rule.
 *
 * The rule that it protects: a mistake is found where it was made, before disk and network are touched. So
 * nothing is taken for granted here, not even that a list is one: a configuration often comes out of a
 * file, or from a program without types.
 */
import { ClusterError } from '../errors.ts';
import { badField, checkFields, shown } from '../given.ts';
import { COMMAND_BYTES_MAX } from '../limits.ts';
import { parseAddress } from '../transport/index.ts';
import { defaultConfig, type FoundingMember, type RaftNodeConfig } from './config.ts';
import { checkNodeId } from './members.ts';
import type { Invitation } from './types.ts';

/** What the fields are called where the caller wrote them. */
export interface ConfigFieldNames {
  readonly name: string;
  readonly id: string;
  readonly members: string;
  /** Before the fields of timing and bounds. */
  readonly tuning: string;
}

const NESTED: ConfigFieldNames = {
  name: 'cluster.name',
  id: 'cluster.id',
  members: 'cluster.members',
  tuning: '',
};

const NAME_CHARS_MAX = 128;
const CONFIG_FIELDS: ReadonlySet<string> = new Set([...Object.keys(defaultConfig()), 'join']);
const CLUSTER_FIELDS: ReadonlySet<string> = new Set(['name', 'id', 'members']);
const JOIN_FIELDS: ReadonlySet<string> = new Set([
  'clusterName',
  'clusterId',
  'nodeId',
  'raftId',
  'members',
]);

const POSITIVE = [
  'tickIntervalMs',
  'electionTicks',
  'heartbeatTicks',
  'maxBytesPerMessage',
  'maxInflightMessages',
  'maxInflightBytes',
  'maxUncommittedBytes',
  'snapshotIntervalEntries',
  'snapshotIntervalBytes',
  'snapshotCatchUpEntries',
  'commandBytesMax',
  'sessionIdleMs',
  'stopTimeoutMs',
] as const satisfies readonly (keyof RaftNodeConfig)[];

const SWITCHES = [
  'preVote',
  'checkQuorum',
  'disableProposalForwarding',
] as const satisfies readonly (keyof RaftNodeConfig)[];

/** The fields of timing and bounds. */
export const TUNING_FIELDS: ReadonlySet<string> = new Set([...POSITIVE, ...SWITCHES]);

/** The first mistake wins. @throws ClusterError CONFIG_INVALID naming field, value and rule. */
export function validateConfig(config: RaftNodeConfig, names: ConfigFieldNames = NESTED): void {
  checkFields('config', config, CONFIG_FIELDS, 'CONFIG_INVALID');
  checkNodeId(config.nodeId, 'nodeId');
  checkFields('cluster', config.cluster, CLUSTER_FIELDS, 'CONFIG_INVALID', 'cluster.');
  const { name, id, members } = config.cluster;
  if (typeof name !== 'string' || name === '' || name.length > NAME_CHARS_MAX) {
    throw invalid(names.name, name, `a name of 1 to ${NAME_CHARS_MAX} characters`);
  }
  if (id !== undefined && !isClusterId(id)) {
    throw invalid(names.id, id, '32 hexadecimal digits, or leave it out');
  }
  checkTuning(config, names.tuning);
  checkMembers(members, names.members);
  const { join } = config;
  if (join === undefined) checkIsFounder(config.nodeId, members, names.members);
  else if (typeof join !== 'function') checkInvitation(join, config);
}

function checkTuning(config: RaftNodeConfig, path: string): void {
  for (const field of POSITIVE) {
    const value = config[field];
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw invalid(`${path}${field}`, value, 'a whole number above 0');
  }
  for (const field of SWITCHES) {
    if (typeof config[field] === 'boolean') continue;
    throw invalid(`${path}${field}`, config[field], 'true or false');
  }
  const { electionTicks, heartbeatTicks, commandBytesMax } = config;
  if (electionTicks <= heartbeatTicks) {
    const rule = `it must be greater than heartbeatTicks (${heartbeatTicks})`;
    throw contradiction(`${path}electionTicks`, electionTicks, rule);
  }
  const { maxBytesPerMessage, maxInflightBytes } = config;
  if (maxInflightBytes < maxBytesPerMessage) {
    const rule = `it must be at least maxBytesPerMessage (${maxBytesPerMessage}), or no message fits`;
    throw contradiction(`${path}maxInflightBytes`, maxInflightBytes, rule);
  }
  if (commandBytesMax > COMMAND_BYTES_MAX * 4) {
    throw invalid(
      `${path}commandBytesMax`,
      commandBytesMax,
      'at most 4 MiB, what fits into a frame',
    );
  }
}

/** Formal only: whether it is still good is known to the cluster alone. @throws ClusterError CONFIG_INVALID. */
export function checkInvitation(join: Invitation, { nodeId, cluster }: RaftNodeConfig): void {
  checkFields('join', join, JOIN_FIELDS, 'CONFIG_INVALID', 'join.');
  if (join.nodeId !== nodeId) {
    throw invalid('join.nodeId', join.nodeId, `the invitation that is for this node, ${nodeId}`);
  }
  if (join.clusterName !== cluster.name) {
    const rule = `it must be cluster.name (${JSON.stringify(cluster.name)})`;
    throw contradiction('join.clusterName', join.clusterName, rule);
  }
  if (!isClusterId(join.clusterId)) {
    throw invalid('join.clusterId', join.clusterId, '32 hexadecimal digits');
  }
  if (cluster.id !== undefined && cluster.id !== join.clusterId) {
    throw contradiction('join.clusterId', join.clusterId, `it must be cluster.id (${cluster.id})`);
  }
  if (!Number.isSafeInteger(join.raftId) || join.raftId <= 0) {
    throw invalid('join.raftId', join.raftId, 'a whole number above 0');
  }
  checkAddresses(join.members, 'join.members');
  if (join.members.every(({ raftId }) => raftId === join.raftId)) {
    throw contradiction('join.members', join.members, 'it must name a member to talk to');
  }
}

function isClusterId(id: unknown): boolean {
  return typeof id === 'string' && /^[0-9a-f]{32}$/.test(id);
}

function checkAddresses(members: readonly FoundingMember[], field: string): void {
  if (!Array.isArray(members)) {
    throw invalid(field, members, 'a list of members, each { nodeId, address }');
  }
  for (const [i, member] of members.entries()) {
    if (typeof member !== 'object' || member === null) {
      throw invalid(`${field}[${i}]`, member, 'a member { nodeId, address }');
    }
    checkNodeId(member.nodeId, `${field}[${i}].nodeId`);
    checkAddress(member.address, `${field}[${i}].address`);
  }
}

function checkAddress(address: string, field: string): void {
  try {
    parseAddress(address);
  } catch {
    throw invalid(field, address, 'host:port, such as "node-1.example:7400" or "[fd00::1]:7400"');
  }
}

function checkMembers(members: readonly FoundingMember[], field: string): void {
  checkAddresses(members, field);
  const ids = new Set<string>();
  const addresses = new Set<string>();
  for (const [i, { nodeId, address }] of members.entries()) {
    if (ids.has(nodeId)) {
      throw contradiction(`${field}[${i}].nodeId`, nodeId, 'each member is listed once');
    }
    if (addresses.has(address)) {
      const rule = 'two members can not share an address';
      throw contradiction(`${field}[${i}].address`, address, rule);
    }
    ids.add(nodeId);
    addresses.add(address);
  }
}

function checkIsFounder(nodeId: string, members: readonly FoundingMember[], field: string): void {
  if (members.some((member) => member.nodeId === nodeId)) return;
  const known = members.map((member) => member.nodeId).join(', ') || 'nobody';
  const rule =
    `it is not among ${field} (${known}); add it there, ` +
    'or join a cluster that others founded by an invitation (join)';
  throw contradiction('nodeId', nodeId, rule);
}

function invalid(field: string, value: unknown, rule: string): ClusterError {
  return badField(field, value, rule, 'CONFIG_INVALID');
}

/** Good by itself, but not with the rest. */
function contradiction(field: string, value: unknown, rule: string): ClusterError {
  return new ClusterError('CONFIG_INVALID', `${field} is ${shown(value)}: ${rule}`, {
    details: { field, given: shown(value) },
  });
}
