/**
 * Free ports for tests that start processes, or listen on an address that must be known beforehand.
 *
 * Asking the kernel (port 0), closing, and listening again later is a race that is lost now and then: such
 * a port is of the ephemeral range, and any outgoing connection of the machine may be given it meanwhile.
 * So these are taken from below that range, where nobody gets a port who did not ask for it by number.
 * What is left is two programs that choose the same one: each begins at a place of its own (by its pid),
 * no port is given twice by one process, and each was listened on a moment ago.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const RANGE_FILE = '/proc/sys/net/ipv4/ip_local_port_range';
/** Where Linux begins by default; no system that we know begins lower by itself, but for the old BSDs. */
const EPHEMERAL_LOW_DEFAULT = 32_768;
/** Below are the ports that well-known programs listen on. */
const PORT_LOW = 15_000;
/** Where that leaves no room (a machine tuned for many connections), below that are the reserved ones. */
const PORT_LOWEST = 1_024;
const ROOM_MIN = 2_000;
/** Prime: processes with neighbouring pids begin far from each other. */
const STRIDE = 7_919;

export interface PortRange {
  readonly low: number;
  /** Not in it. */
  readonly high: number;
}

const given = new Set<number>();
let next: number | undefined;

/** `text`: of the kernel's file, `undefined` where there is none. */
export function portRange(text: string | undefined): PortRange {
  const lower = Number(text?.trim().split(/\s+/)[0]);
  const high = Number.isInteger(lower) && lower > 0 ? lower : EPHEMERAL_LOW_DEFAULT;
  if (high - PORT_LOW >= ROOM_MIN) return { low: PORT_LOW, high };
  if (high - PORT_LOWEST >= ROOM_MIN) return { low: PORT_LOWEST, high };
  // Everything is ephemeral here: there is nothing better than the usual place.
  return { low: PORT_LOW, high: EPHEMERAL_LOW_DEFAULT };
}

/** That many ports of 127.0.0.1, all different and never given before by this process; `inRow`: consecutive. */
export async function freePorts(
  count: number,
  options: { readonly inRow?: boolean } = {},
): Promise<number[]> {
  const { low, high } = portRange(kernelRange());
  let found: number[] = [];
  for (let looked = 0; looked < high - low; looked++) {
    next ??= (process.pid * STRIDE) % (high - low);
    const port = low + (next++ % (high - low));
    const isUsable = !given.has(port) && (await isFree(port));
    const follows = found.length === 0 || port === (found.at(-1) as number) + 1;
    if (options.inRow === true && !(isUsable && follows)) found = [];
    if (!isUsable) continue;
    found.push(port);
    if (found.length < count) continue;
    for (const one of found) given.add(one);
    return found;
  }
  throw new Error(`no ${count} free ports from ${low} to ${high - 1} of 127.0.0.1`);
}

export async function freePort(): Promise<number> {
  return (await freePorts(1))[0] as number;
}

function kernelRange(): string | undefined {
  try {
    return readFileSync(RANGE_FILE, 'utf8');
  } catch {
    return undefined;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
