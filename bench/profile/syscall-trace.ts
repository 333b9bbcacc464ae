/**
 * System calls of several processes as `perf script` tells them, each with its time on the one clock of the
 * machine, and which end of which connection they are about.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export const TRACEPOINTS = ['raw_syscalls:sys_enter', 'raw_syscalls:sys_exit'] as const;

/** x86-64, as they stand in linux/arch/x86/entry/syscalls/syscall_64.tbl. */
const READ = 0;
const WRITE = 1;
const PWRITE = 18;
const WRITEV = 20;
const FDATASYNC = 75;
const PWRITEV = 296;
const KIND_BY_NUMBER = new Map<number, CallKind>([
  [READ, 'read'],
  [WRITE, 'write'],
  [WRITEV, 'write'],
  [PWRITE, 'store'],
  [PWRITEV, 'store'],
  [FDATASYNC, 'store'],
]);

/** What `perf record --filter` is given. */
export const ONLY_THESE: string = [...KIND_BY_NUMBER.keys()].map((id) => `id==${id}`).join('||');

/** `store`: to a file, at a place in it. */
export type CallKind = 'read' | 'write' | 'store';

export interface Call {
  readonly kind: CallKind;
  readonly fd: number;
  /** In seconds. */
  readonly began: number;
  readonly ended: number;
  /** Bytes. What failed is not told at all. */
  readonly result: number;
}

const LINE =
  /^\s*(\d+)\/(\d+)\s+([\d.]+):\s+raw_syscalls:sys_(enter|exit):\s+NR (\d+) (?:\(([0-9a-f]+)|= (-?\d+))/;

/** By process, in the order in which they ended. `text`: fields pid, tid, time, event, trace. */
export function callsOf(text: string): Map<number, Call[]> {
  const calls = new Map<number, Call[]>();
  const open = new Map<string, { readonly fd: number; readonly began: number }>();
  for (const line of text.split('\n')) {
    const [, pid, tid, time, side, number, fd, result] = LINE.exec(line) ?? [];
    const kind = KIND_BY_NUMBER.get(Number(number));
    if (tid === undefined || kind === undefined) continue;
    if (side === 'enter') {
      open.set(tid, { fd: Number.parseInt(fd!, 16), began: Number(time) });
      continue;
    }
    const call = open.get(tid);
    open.delete(tid);
    if (call === undefined || Number(result) < 0) continue;
    const list = calls.get(Number(pid)) ?? [];
    list.push({ kind, ...call, ended: Number(time), result: Number(result) });
    calls.set(Number(pid), list);
  }
  return calls;
}

export interface Socket {
  readonly fd: number;
  readonly localPort: number;
  readonly remotePort: number;
}

/** The TCP connections of a process over IPv4. */
export function socketsOf(pid: number): Socket[] {
  const byInode = new Map<string, { readonly localPort: number; readonly remotePort: number }>();
  for (const line of readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1)) {
    const [, local, remote, , , , , , , inode] = line.trim().split(/\s+/);
    if (inode === undefined) continue;
    byInode.set(`socket:[${inode}]`, { localPort: portIn(local!), remotePort: portIn(remote!) });
  }
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    const ports = byInode.get(target(`/proc/${pid}/fd/${fd}`));
    return ports === undefined ? [] : [{ fd: Number(fd), ...ports }];
  });
}

/** Of a descriptor; of one that was closed meanwhile, nothing. */
function target(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** `0100007F:1F90`, both in hexadecimal. */
function portIn(address: string): number {
  return Number.parseInt(address.slice(address.indexOf(':') + 1), 16);
}
