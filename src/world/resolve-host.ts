/**
 * From a host name to addresses, without standing in the way of the disk.
 *
 * `dns.lookup` runs on libuv's four threads, which `fdatasync` uses too. While name servers are silent,
 * a few look-ups that hang take threads away from the log of a healthy leader. So names are resolved in
 * this order, and only the last step needs a thread:
 *
 * 1. an IP literal is itself;
 * 2. the hosts file, read again when its modification time changed (at most once a second);
 * 3. `localhost` and what ends in it is the loopback, whatever any file says not (RFC 6761);
 * 4. the name servers, over sockets of our own (c-ares), both address families at the same time;
 * 5. `dns.lookup`, for what only the system knows (search domains, mDNS, NSS modules); one look-up
 *    per name at a time, and at most `LOOKUPS_MAX` together, so that threads remain for the disk.
 *
 * Nothing is kept: a peer that moved to another address is found at the next dial. IPv4 comes first,
 * as a listener on `0.0.0.0` is more common than one on `::`.
 */
import { promises as dns, type LookupAddress, Resolver } from 'node:dns';
import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';

import { codeOf } from './network-faults.ts';
import { NetworkError } from './types.ts';

const HOSTS_FILE =
  process.platform === 'win32' ? 'C:\\Windows\\System32\\drivers\\etc\\hosts' : '/etc/hosts';
const HOSTS_CHECK_MS = 1_000;
/** One try of one name server. Short, since a dial has a deadline of its own. */
const SERVER_TIMEOUT_MS = 1_000;
const SERVER_TRIES = 2;
/** Threads that look-ups may take; two of libuv's four stay free for the disk. */
const LOOKUPS_MAX = 2;

export type ResolveHost = (host: string) => Promise<readonly string[]>;

/** @throws NetworkError `unresolved`. */
export async function resolveHost(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  const name = host.toLowerCase().replace(/\.$/, '');
  const fromFile = (await systemHosts()).get(name);
  if (fromFile !== undefined) return fromFile;
  if (name === 'localhost' || name.endsWith('.localhost')) return ['127.0.0.1', '::1'];
  const fromServers = await askServers(name);
  if (fromServers.length > 0) return fromServers;
  return askSystem(name);
}

type Hosts = ReadonlyMap<string, readonly string[]>;

const systemHosts = hostsFile(HOSTS_FILE);

/** Whoever asks while the file is being read waits for it: all peers are dialed in the same turn. */
export function hostsFile(path: string, checkMs: number = HOSTS_CHECK_MS): () => Promise<Hosts> {
  let hosts: Hosts = new Map();
  let checkedMs = Number.NEGATIVE_INFINITY;
  let modifiedMs = Number.NaN;
  let reading: Promise<void> | undefined;
  const read = async (): Promise<void> => {
    try {
      const { mtimeMs } = await stat(path);
      if (mtimeMs === modifiedMs) return;
      hosts = parseHosts(await readFile(path, 'utf8'));
      modifiedMs = mtimeMs;
    } catch (cause) {
      // Without descriptors left, say, what was known is still the best answer; it is read again.
      if (codeOf(cause) === 'ENOENT') hosts = new Map();
      modifiedMs = Number.NaN;
    }
  };
  return async () => {
    if (reading === undefined && performance.now() - checkedMs >= checkMs) {
      checkedMs = performance.now();
      reading = read().finally(() => {
        reading = undefined;
      });
    }
    await reading;
    return hosts;
  };
}

/** Name → addresses, IPv4 first, in the order of the file. */
export function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (address === undefined || isIP(address) === 0) continue;
    for (const name of names) {
      const addresses = found.get(name.toLowerCase()) ?? [];
      addresses.push(address);
      found.set(name.toLowerCase(), addresses);
    }
  }
  for (const addresses of found.values()) addresses.sort((a, b) => isIP(a) - isIP(b));
  return found;
}

/** Made at the first question: opening a c-ares channel reads the system's configuration. */
let resolver: Resolver | undefined;

async function askServers(name: string): Promise<readonly string[]> {
  resolver ??= new Resolver({ timeout: SERVER_TIMEOUT_MS, tries: SERVER_TRIES });
  const servers = resolver;
  const ask = (family: 4 | 6): Promise<readonly string[]> =>
    new Promise((resolve) => {
      const done = (error: Error | null, addresses: string[]): void =>
        resolve(error === null ? addresses : []);
      if (family === 4) servers.resolve4(name, done);
      else servers.resolve6(name, done);
    });
  const [v4, v6] = await Promise.all([ask(4), ask(6)]);
  return [...v4, ...v6];
}

const lookups = new Map<string, Promise<readonly string[]>>();

function askSystem(name: string): Promise<readonly string[]> {
  const running = lookups.get(name);
  if (running !== undefined) return running;
  if (lookups.size >= LOOKUPS_MAX) {
    return Promise.reject(
      new NetworkError(
        'unresolved',
        `can not resolve ${name}: no name server knows it, and ${LOOKUPS_MAX} look-ups by the ` +
          'system are still waiting for others; check the name servers of this machine',
      ),
    );
  }
  const started = lookup(name).finally(() => lookups.delete(name));
  lookups.set(name, started);
  return started;
}

async function lookup(name: string): Promise<readonly string[]> {
  try {
    const found: LookupAddress[] = await dns.lookup(name, { all: true });
    return found.sort((a, b) => a.family - b.family).map(({ address }) => address);
  } catch (cause) {
    throw new NetworkError(
      'unresolved',
      `can not resolve ${name}: not in ${HOSTS_FILE}, and neither the name servers nor the ` +
        'system know it; check the spelling, or use an IP address',
      cause,
    );
  }
}
