/**
 * What only the whole configuration can tell: contradictions (errors) and what is allowed but most
 * likely not meant (warnings). Each names the numbers and what is usual.
 *
 * The worst of these mistakes is two members under one id or address: the cluster would count one
 * machine twice, and a "majority" could then be a single disk.
 */
import type { DaemonConfig } from './schema.ts';

export interface Finding {
  readonly path: readonly (string | number)[];
  readonly text: string;
}

export interface Findings {
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
}

/** Elections then start at the first hiccup: the ratio below which we warn. */
const ELECTION_PER_HEARTBEAT_USUAL = 5;

export function checkWhole(config: DaemonConfig): Findings {
  const errors = [
    ...memberErrors(config),
    ...selfErrors(config),
    ...doorErrors(config),
    ...raftErrors(config),
  ];
  return { errors, warnings: errors.length > 0 ? [] : warningsOf(config) };
}

function memberErrors({ cluster }: DaemonConfig): Finding[] {
  const errors: Finding[] = [];
  const ids = new Map<string, number>();
  const addresses = new Map<string, string>();
  for (const [i, member] of cluster.members.entries()) {
    if (ids.has(member.id)) {
      errors.push({
        path: ['cluster', 'members', i, 'id'],
        text: `two members have the id "${member.id}"; each needs its own`,
      });
    }
    const other = addresses.get(member.address);
    if (other !== undefined) {
      errors.push({
        path: ['cluster', 'members', i, 'address'],
        text: `"${other}" and "${member.id}" have the same address ${member.address}`,
      });
    }
    if (member.address.endsWith(':0')) {
      errors.push({
        path: ['cluster', 'members', i, 'address'],
        text: `the address of "${member.id}" has port 0; the others must know the real one`,
      });
    }
    ids.set(member.id, i);
    addresses.set(member.address, member.id);
  }
  return errors;
}

function selfErrors({ cluster, node, listen }: DaemonConfig): Finding[] {
  const self = cluster.members.find((member) => member.id === node.id);
  const errors: Finding[] = [];
  const error = (path: Finding['path'], text: string): void => {
    errors.push({ path, text });
  };
  if (self === undefined && cluster.join.length === 0) {
    const ids = cluster.members.map((member) => member.id).join(', ');
    error(
      ['node', 'id'],
      `node.id is "${node.id}", but cluster.members has only ${ids}. A node that is to join a ` +
        'running cluster needs cluster.join',
    );
    return errors;
  }
  if (self !== undefined && self.address !== node.address) {
    const known = `"${node.id}" is at ${self.address} in cluster.members`;
    error(['node', 'address'], `node.address is ${node.address}, but ${known}`);
  }
  if (self === undefined && !isDialable(node.address)) {
    error(
      ['node', 'address'],
      `the other members can not dial ${node.address}: give an address of this machine, with its ` +
        'port, as node.address',
    );
  } else if (isLoopback(listen.peers) && !isLoopback(node.address)) {
    error(
      ['listen', 'peers'],
      `listen.peers is ${listen.peers}, which only this machine reaches, but the others are told ` +
        `${node.address}. Bind 0.0.0.0 or that address`,
    );
  }
  if (listen.peers.endsWith(':0') && listen.peers !== node.address) {
    error(['listen', 'peers'], `listen.peers has port 0, but the others dial ${node.address}`);
  }
  return errors;
}

function doorErrors({ cluster, listen }: DaemonConfig): Finding[] {
  const errors: Finding[] = [];
  for (const [i, address] of cluster.join.entries()) {
    if (isDialable(address)) continue;
    const text = `${address} can not be dialed: give the client address of a node that runs`;
    errors.push({ path: ['cluster', 'join', i], text });
  }
  const doors = [
    ['peers', listen.peers],
    ['clients', listen.clients],
    ['http', listen.http],
  ] as const;
  for (const [i, [name, address]] of doors.entries()) {
    const twin = doors.slice(0, i).find(([, other]) => other === address);
    if (twin === undefined || address.endsWith(':0')) continue;
    const text = `listen.${twin[0]} and listen.${name} are both ${address}; each needs its own port`;
    errors.push({ path: ['listen', name], text });
  }
  return errors;
}

function raftErrors({ raft }: DaemonConfig): Finding[] {
  const errors: Finding[] = [];
  if (raft.electionTicks <= raft.heartbeatTicks) {
    const text =
      `raft.electionTicks is ${raft.electionTicks}, but must be more than raft.heartbeatTicks ` +
      `(${raft.heartbeatTicks}). Usual: 10 and 1`;
    errors.push({ path: ['raft', 'electionTicks'], text });
  }
  if (raft.snapshotCatchUpEntries > raft.snapshotIntervalEntries) {
    const text =
      `raft.snapshotCatchUpEntries is ${raft.snapshotCatchUpEntries}, but must not be more than ` +
      `raft.snapshotIntervalEntries (${raft.snapshotIntervalEntries}). Usual: 5000 and 10000`;
    errors.push({ path: ['raft', 'snapshotCatchUpEntries'], text });
  }
  return errors;
}

function warningsOf({ cluster, raft, testing }: DaemonConfig): Finding[] {
  const warnings: Finding[] = [];
  if (raft.electionTicks < raft.heartbeatTicks * ELECTION_PER_HEARTBEAT_USUAL) {
    const text =
      `raft.electionTicks (${raft.electionTicks}) is less than ${ELECTION_PER_HEARTBEAT_USUAL} times ` +
      `raft.heartbeatTicks (${raft.heartbeatTicks}): a short pause will start elections`;
    warnings.push({ path: ['raft', 'electionTicks'], text });
  }
  const voters = cluster.members.length;
  if (voters % 2 === 0 && cluster.join.length === 0) {
    const text = `${toleranceText(voters)}, no more than ${voters - 1} would. Use ${voters + 1} or ${voters - 1}`;
    warnings.push({ path: ['cluster', 'members'], text });
  }
  if (testing.disk !== 'real') {
    const harm = testing.disk === 'power-loss-no-sync' ? ' ACKNOWLEDGED WRITES WILL BE LOST.' : '';
    const text = `TEST DISK "${testing.disk.toUpperCase()}" IN USE. NOT FOR REAL DATA.${harm}`;
    warnings.push({ path: ['testing', 'disk'], text });
  }
  if (testing.clock !== 'real') {
    const text = `TEST CLOCK "${testing.clock.toUpperCase()}" IN USE: times that are shown may be wrong`;
    warnings.push({ path: ['testing', 'clock'], text });
  }
  return warnings;
}

/** How many voters may die before the cluster stands still. */
export function failuresTolerated(voters: number): number {
  return Math.floor((voters - 1) / 2);
}

export function toleranceText(voters: number): string {
  const failures = failuresTolerated(voters);
  const who = voters === 1 ? '1 voter tolerates' : `${voters} voters tolerate`;
  return `${who} ${failures} failure${failures === 1 ? '' : 's'}`;
}

/** One machine's own: no wildcard that stands for all addresses of one, no port to be picked. */
function isDialable(address: string): boolean {
  const host = address.slice(0, address.lastIndexOf(':'));
  const isWildcard = host === '0.0.0.0' || host === '*' || /^\[[0:.]+\]$/.test(host);
  return !isWildcard && !address.endsWith(':0');
}

function isLoopback(address: string): boolean {
  const host = address.slice(0, address.lastIndexOf(':'));
  return host === 'localhost' || host === '[::1]' || host.startsWith('127.');
}
