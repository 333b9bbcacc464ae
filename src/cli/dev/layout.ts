/**
 * Where the nodes of a development cluster live: ports, folders, configuration files, and
 * `cluster.json`, by which the other commands find the cluster.
 *
 * The peers' addresses are part of the cluster from its founding on, so a later run keeps them, and
 * says so when somebody else sits on one. The doors for clients and HTTP are the node's own affair
 * and may move. "Free" is found out by binding: the answer may be stale a moment later, and then the
 * node itself says which port was taken.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';

import { ClusterError } from '../../errors.ts';
import { type ClusterFile, readClusterFile } from '../nodes.ts';

export interface DevNode {
  readonly id: string;
  readonly peers: string;
  readonly clients: string;
  readonly http: string;
}

export interface DevPlan {
  readonly nodes: readonly DevNode[];
  /** There was an earlier run: its data is used again. */
  readonly isContinued: boolean;
  /** For people: ports that are not the preferred ones. */
  readonly notes: readonly string[];
}

export interface PlanOptions {
  readonly dir: string;
  readonly nodes: number;
  readonly basePort: number;
  readonly isFree?: (port: number) => Promise<boolean>;
  /** How long nodes of an earlier run may take to give their ports back. */
  readonly patienceMs?: number;
}

const HOST = '127.0.0.1';
const DOORS = ['peers', 'clients', 'http'] as const;
/** A run that was killed leaves nodes that are about to stop, in their own bound. */
const PATIENCE_MS = 6_000;
const PATIENCE_POLL_MS = 200;
/** Ports tried one after the other before the system is asked for any. */
const NEIGHBOURS_TRIED = 50;

export async function planCluster(options: PlanOptions): Promise<DevPlan> {
  const isFree = options.isFree ?? isPortFree;
  const earlier = readClusterFile(join(options.dir, 'cluster.json'));
  const freed = await givenBack(earlier, isFree, options.patienceMs ?? PATIENCE_MS);
  const taken = new Set<number>();
  const notes: string[] = [];
  const nodes: DevNode[] = [];
  if (earlier !== undefined && earlier.nodes.length !== options.nodes) {
    throw new ClusterError(
      'CONFIG_INVALID',
      `${options.dir} holds a cluster of ${earlier.nodes.length}, not ${options.nodes}: ` +
        `use --nodes ${earlier.nodes.length}, another --dir, or --fresh to begin anew`,
    );
  }
  for (let i = 0; i < options.nodes; i++) {
    const before = earlier?.nodes[i];
    const node: Record<string, string> = { id: before?.id ?? `n${i + 1}` };
    for (const [d, door] of DOORS.entries()) {
      const preferred =
        before === undefined ? options.basePort + d * 100 + i + 1 : portOf(before[door]);
      if (door === 'peers' && before !== undefined && !freed.has(preferred)) {
        throw new ClusterError(
          'ADDRESS_IN_USE',
          `port ${preferred} is in use by another process, but node ${before.id} of the cluster in ` +
            `${options.dir} is known to the others by it: stop that process, or use --fresh`,
        );
      }
      const port = await pickPort(preferred, taken, isFree);
      taken.add(port);
      if (port !== preferred) {
        notes.push(`port ${preferred} is in use; ${node['id']} gets ${port} for ${door}`);
      }
      node[door] = `${HOST}:${port}`;
    }
    nodes.push(node as unknown as DevNode);
  }
  return { nodes, isContinued: earlier !== undefined, notes };
}

/** Ports of an earlier run that are free by now, or soon. */
async function givenBack(
  earlier: ClusterFile | undefined,
  isFree: (port: number) => Promise<boolean>,
  patienceMs: number,
): Promise<ReadonlySet<number>> {
  const ports = (earlier?.nodes ?? []).flatMap((node) => DOORS.map((door) => portOf(node[door])));
  const free = new Set<number>();
  for (let waitedMs = 0; ; waitedMs += PATIENCE_POLL_MS) {
    for (const port of ports) if (!free.has(port) && (await isFree(port))) free.add(port);
    if (free.size === ports.length || waitedMs >= patienceMs) return free;
    await new Promise((resolve) => setTimeout(resolve, PATIENCE_POLL_MS));
  }
}

async function pickPort(
  preferred: number,
  taken: ReadonlySet<number>,
  isFree: (port: number) => Promise<boolean>,
): Promise<number> {
  for (let step = 0; step < NEIGHBOURS_TRIED; step++) {
    const port = preferred + step * 10;
    if (port <= 65_535 && !taken.has(port) && (await isFree(port))) return port;
  }
  throw new ClusterError(
    'ADDRESS_IN_USE',
    `no free port near ${preferred}: choose another range with --base-port`,
  );
}

export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: HOST, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

/** Writes configurations and `cluster.json`. Answers the configuration file of each node. */
export function writeCluster(dir: string, plan: DevPlan): string[] {
  const members = plan.nodes.map((node) => ({ id: node.id, address: node.peers }));
  const files = plan.nodes.map((node) => {
    const folder = join(dir, node.id);
    mkdirSync(folder, { recursive: true });
    const config = {
      cluster: { name: 'dev', members },
      node: { id: node.id, dataDir: 'data' },
      listen: { peers: node.peers, clients: node.clients, http: node.http },
      log: { level: 'info', file: 'log' },
    };
    const file = join(folder, 'config.yaml');
    writeFileSync(file, `# Written anew by each run of quorate dev.\n${stringify(config)}`);
    return file;
  });
  const cluster: ClusterFile = { madeBy: 'quorate dev', name: 'dev', nodes: plan.nodes };
  writeFileSync(join(dir, 'cluster.json'), `${JSON.stringify(cluster, null, 2)}\n`);
  return files;
}

/** Deletes what an earlier run left, and nothing that was not made by one. */
export function removeCluster(dir: string): void {
  const names = readdirSync(dir).filter((name) => !name.startsWith('LOCK'));
  if (names.length === 0) return;
  const cluster = readClusterFile(join(dir, 'cluster.json'));
  if (cluster === undefined) {
    throw new ClusterError(
      'CONFIG_INVALID',
      `${dir} was not made by quorate dev (there is no cluster.json of it): --fresh deletes nothing here`,
    );
  }
  for (const node of cluster.nodes) rmSync(join(dir, node.id), { recursive: true, force: true });
  rmSync(join(dir, 'cluster.json'));
}
