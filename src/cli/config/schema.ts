/**
 * The shape of a daemon's configuration. Strict at every level: a key that nobody knows is an error,
 * because a misspelt setting that is ignored is found out in the worst hour.
 *
 * What the schema can not say of a single field (self among the members, an election timeout above the
 * heartbeat) is in `check.ts`.
 */
import { z } from 'zod';

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

const nodeId = z.string().regex(/^[A-Za-z0-9._-]{1,128}$/);
const count = z.number().int().min(1).max(1_000_000_000);

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

const address = z.string().refine(isAddress);

const fileSchema = z.strictObject({
  cluster: z.strictObject({
    name: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
    members: z
      .array(z.strictObject({ id: nodeId, address }))
      .min(1)
      .max(15)
      .optional(),
    join: z.array(address).min(1).max(15).optional(),
    joinAs: z.enum(['voter', 'learner']).default('voter'),
  }),
  node: z.strictObject({
    id: nodeId,
    dataDir: z.string().min(1),
    address: address.optional(),
  }),
  listen: z
    .strictObject({
      peers: address.optional(),
      clients: address.default('127.0.0.1:7200'),
      http: address.default('127.0.0.1:7300'),
    })
    .prefault({}),
  raft: z
    .strictObject({
      tickIntervalMs: z.number().int().min(10).max(10_000).default(100),
      electionTicks: count.default(10),
      heartbeatTicks: count.default(1),
      snapshotIntervalEntries: count.default(10_000),
      snapshotCatchUpEntries: count.default(5_000),
      snapshotsKept: z.number().int().min(1).max(100).default(2),
      snapshotBytesPerSecond: z
        .union([z.literal(0), z.number().int().min(65_536).max(1e12)])
        .default(0),
    })
    .prefault({}),
  shutdown: z
    .strictObject({ timeoutMs: z.number().int().min(100).max(600_000).default(10_000) })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
      file: z.string().min(1).optional(),
    })
    .prefault({}),
  testing: z
    .strictObject({
      disk: z.enum(['real', 'power-loss', 'power-loss-no-sync', 'failing-sync']).default('real'),
      clock: z.enum(['real', 'stepped']).default('real'),
    })
    .prefault({}),
});

/** One mistake, as the schema found it. */
export interface SchemaIssue {
  readonly path: readonly (string | number)[];
  readonly kind: 'missing' | 'unknown-key' | 'invalid';
}

export function parseConfig(
  raw: unknown,
): { readonly config: DaemonConfig } | { readonly issues: readonly SchemaIssue[] } {
  const parsed = fileSchema.safeParse(raw);
  const issues = [
    ...(parsed.error?.issues.flatMap((issue) => issuesOf(raw, issue)) ?? []),
    ...withoutOrigin(raw),
  ];
  if (!parsed.success || issues.length > 0) return { issues };
  const { listen, log, cluster, node, ...rest } = parsed.data;
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

function issuesOf(raw: unknown, issue: z.core.$ZodIssue): SchemaIssue[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], kind: 'unknown-key' as const }));
  }
  return [{ path, kind: valueAt(raw, path) === undefined ? 'missing' : 'invalid' }];
}

export function valueAt(raw: unknown, path: readonly (string | number)[]): unknown {
  let value = raw;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}
