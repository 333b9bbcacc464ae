/**
 * Which nodes a command talks to when it was not told: the environment, then the cluster that
 * `quorate dev` runs in this folder or one above it, then the default port on this machine.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { ClusterError } from '../errors.ts';
import { isAddress } from './config/schema.ts';
import type { Terminal } from './terminal.ts';

export interface ClusterFile {
  readonly madeBy: 'quorate dev';
  readonly name: string;
  readonly nodes: readonly {
    readonly id: string;
    readonly peers: string;
    readonly clients: string;
    readonly http: string;
  }[];
}

/** Where the addresses came from is part of the message when nobody answers. */
export interface FoundNodes {
  readonly addresses: readonly string[];
  readonly from: string;
}

const DOORS = {
  clients: { variable: 'QUORATE_NODES', fallback: '127.0.0.1:7200' },
  http: { variable: 'QUORATE_HTTP', fallback: '127.0.0.1:7300' },
} as const;

export function findNodes(
  terminal: Terminal,
  door: 'clients' | 'http',
  flag: string | undefined,
): FoundNodes {
  const { variable, fallback } = DOORS[door];
  if (flag !== undefined) return { addresses: split(flag, '--nodes'), from: '--nodes' };
  const text = terminal.env[variable];
  if (text !== undefined && text !== '')
    return { addresses: split(text, variable), from: variable };
  const found = findClusterFile(terminal.cwd);
  if (found !== undefined) {
    return { addresses: found.cluster.nodes.map((node) => node[door]), from: found.path };
  }
  return { addresses: [fallback], from: 'the default' };
}

function split(text: string, from: string): string[] {
  const addresses = text
    .split(',')
    .map((part) =>
      part
        .trim()
        .replace(/^https?:\/\//, '')
        .replace(/\/$/, ''),
    )
    .filter((part) => part !== '');
  for (const address of addresses) {
    if (isAddress(address)) continue;
    throw new ClusterError(
      'REQUEST_INVALID',
      `${from} has "${address}": expected host:port, several separated by commas`,
    );
  }
  if (addresses.length === 0) throw new ClusterError('REQUEST_INVALID', `${from} names no address`);
  return addresses;
}

function findClusterFile(from: string): { cluster: ClusterFile; path: string } | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, '.quorate', 'cluster.json');
    const cluster = readClusterFile(path);
    if (cluster !== undefined) return { cluster, path };
    if (folder === dirname(folder)) return undefined;
  }
}

/** `undefined`: there is none, or it is not one of ours. */
export function readClusterFile(path: string): ClusterFile | undefined {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as Partial<ClusterFile>;
    if (value.madeBy !== 'quorate dev' || !Array.isArray(value.nodes)) return undefined;
    return value as ClusterFile;
  } catch {
    return undefined;
  }
}
