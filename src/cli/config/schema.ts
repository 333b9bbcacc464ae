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

export interface DaemonConfig {
  readonly cluster: {
    readonly name: string;
    readonly members: readonly { readonly id: string; readonly address: string }[];
  };
  readonly node: { readonly id: string; readonly dataDir: string };
  readonly listen: { readonly peers: string; readonly clients: string; readonly http: string };
  readonly raft: {
    readonly tickIntervalMs: number;
    readonly electionTicks: number;
    readonly heartbeatTicks: number;
    readonly snapshotIntervalEntries: number;
    readonly snapshotCatchUpEntries: number;
  };
  readonly shutdown: { readonly timeoutMs: number };
  readonly log: { readonly level: LogLevel; readonly file: string | undefined };
  readonly testing: { readonly disk: TestingDisk };
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
      .max(15),
  }),
  node: z.strictObject({ id: nodeId, dataDir: z.string().min(1) }),
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
  if (!parsed.success)
    return { issues: parsed.error.issues.flatMap((issue) => issuesOf(raw, issue)) };
  const { listen, log, ...rest } = parsed.data;
  const self = rest.cluster.members.find((member) => member.id === rest.node.id);
  return {
    config: {
      ...rest,
      listen: { ...listen, peers: listen.peers ?? self?.address ?? '127.0.0.1:7100' },
      log: { level: log.level, file: log.file },
    },
  };
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
