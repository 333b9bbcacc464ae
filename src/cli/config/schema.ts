/**
 * The shape of a daemon's configuration. Strict at every level: a key that nobody knows is an error,
 * because a misspelt setting that is ignored is found out in the worst hour.
 *
 * What it can not say of a single field (self among the members, an election timeout above the heartbeat) is
 * in `check.ts`. How rules are made and read: rules.ts.
 */
import {
  type GroupRule,
  group,
  isWhole,
  list,
  oneOf,
  optional,
  or,
  readGroup,
  type SchemaIssue,
  text,
  value,
  valueAt,
  whole,
} from './rules.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type TestingDisk = 'real' | 'power-loss' | 'power-loss-no-sync' | 'failing-sync';
export type TestingClock = 'real' | 'stepped';

export interface DaemonConfig {
  readonly cluster: {
    readonly name: string;
    /** Who founds the cluster; empty on a node that joins and was told nothing else. */
    readonly members: readonly { readonly id: string; readonly address: string }[];
    /** Client addresses of a running cluster that this node joins instead of founding one. */
    readonly join: readonly string[];
    readonly joinAs: 'voter' | 'learner';
  };
  readonly node: {
    readonly id: string;
    readonly dataDir: string;
    /** Where the other members dial this node. */
    readonly address: string;
  };
  readonly listen: { readonly peers: string; readonly clients: string; readonly http: string };
  readonly raft: {
    readonly tickIntervalMs: number;
    readonly electionTicks: number;
    readonly heartbeatTicks: number;
    readonly snapshotIntervalEntries: number;
    readonly snapshotCatchUpEntries: number;
    readonly snapshotsKept: number;
    /** 0: as fast as it goes. */
    readonly snapshotBytesPerSecond: number;
  };
  readonly shutdown: { readonly timeoutMs: number };
  readonly log: { readonly level: LogLevel; readonly file: string | undefined };
  readonly testing: { readonly disk: TestingDisk; readonly clock: TestingClock };
}

/** `host:port`; an IPv6 address stands in brackets. */
export function isAddress(text: string): boolean {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^:\s[\]/]+):(\d{1,5})$/.exec(text);
  return match !== null && Number(match[2]) <= 65_535;
}

/** Of a text that `isAddress`; the brackets of an IPv6 address are taken off. */
export function splitAddress(text: string): { readonly host: string; readonly port: number } {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(text.slice(colon + 1)) };
}

const NODE_ID = text(/^[A-Za-z0-9._-]{1,128}$/);
const ADDRESS = value((given) => typeof given === 'string' && isAddress(given));
const ANY_TEXT = text(/./s);
const COUNT = whole(1, 1_000_000_000);

const FILE: GroupRule = {
  cluster: group({
    name: text(/^[A-Za-z0-9._-]{1,64}$/),
    members: optional(list(group({ id: NODE_ID, address: ADDRESS }), 15)),
    join: optional(list(ADDRESS, 15)),
    joinAs: or('voter', oneOf('voter', 'learner')),
  }),
  node: group({ id: NODE_ID, dataDir: ANY_TEXT, address: optional(ADDRESS) }),
  listen: or(
    {},
    group({
      peers: optional(ADDRESS),
      clients: or('127.0.0.1:7200', ADDRESS),
      http: or('127.0.0.1:7300', ADDRESS),
    }),
  ),
  raft: or(
    {},
    group({
      tickIntervalMs: or(100, whole(10, 10_000)),
      electionTicks: or(10, COUNT),
      heartbeatTicks: or(1, COUNT),
      snapshotIntervalEntries: or(10_000, COUNT),
      snapshotCatchUpEntries: or(5_000, COUNT),
      snapshotsKept: or(2, whole(1, 100)),
      snapshotBytesPerSecond: or(
        0,
        value((given) => given === 0 || isWhole(given, 65_536, 1e12)),
      ),
    }),
  ),
  shutdown: or({}, group({ timeoutMs: or(10_000, whole(100, 600_000)) })),
  log: or(
    {},
    group({
      level: or('info', oneOf('debug', 'info', 'warn', 'error', 'silent')),
      file: optional(ANY_TEXT),
    }),
  ),
  testing: or(
    {},
    group({
      disk: or('real', oneOf('real', 'power-loss', 'power-loss-no-sync', 'failing-sync')),
      clock: or('real', oneOf('real', 'stepped')),
    }),
  ),
};

/** What `FILE` lets through, defaults filled in. */
interface FileContents {
  readonly cluster: Partial<DaemonConfig['cluster']> &
    Pick<DaemonConfig['cluster'], 'name' | 'joinAs'>;
  readonly node: Omit<DaemonConfig['node'], 'address'> & { readonly address?: string };
  readonly listen: Omit<DaemonConfig['listen'], 'peers'> & { readonly peers?: string };
  readonly raft: DaemonConfig['raft'];
  readonly shutdown: DaemonConfig['shutdown'];
  readonly log: { readonly level: LogLevel; readonly file?: string };
  readonly testing: DaemonConfig['testing'];
}

export function parseConfig(
  raw: unknown,
): { readonly config: DaemonConfig } | { readonly issues: readonly SchemaIssue[] } {
  const issues: SchemaIssue[] = [];
  const read = readGroup(FILE, raw, [], issues);
  issues.push(...withoutOrigin(raw));
  if (issues.length > 0) return { issues };
  const { listen, log, cluster, node, ...rest } = read as unknown as FileContents;
  const { members = [], join = [] } = cluster;
  const self = members.find((member) => member.id === node.id)?.address;
  const peers = listen.peers ?? self ?? node.address ?? '127.0.0.1:7100';
  return {
    config: {
      ...rest,
      cluster: { ...cluster, members, join },
      node: { ...node, address: node.address ?? self ?? peers },
      listen: { ...listen, peers },
      log: { level: log.level, file: log.file },
    },
  };
}

/** A node belongs to a cluster by founding it or by joining it; one of the two must be said. */
function withoutOrigin(raw: unknown): SchemaIssue[] {
  const cluster = valueAt(raw, ['cluster']);
  if (typeof cluster !== 'object' || cluster === null || Array.isArray(cluster)) return [];
  if ('members' in cluster || 'join' in cluster) return [];
  return [{ path: ['cluster', 'members'], kind: 'missing' }];
}
