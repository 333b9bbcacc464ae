/**
 * One process per data folder. Two that write to one log destroy it, and two nodes with one identity
 * can vote twice, so this lock protects the first rule of the project.
 *
 * The obvious way, a file with the holder's process id, fails at both ends. After kill -9 or a power
 * cut the file is still there, and its number belongs by now to somebody else (in a container it is
 * always 1): the node refuses to start until a person removes the file, and a person who has removed
 * it once will do so again while the holder lives. And two processes that start together both see a
 * dead holder and both take over. flock would do, but Node does not offer it.
 *
 * What the kernel takes back by itself when a process dies, however it dies, is a listening socket:
 *
 * 1. On Linux an abstract unix socket named after device and inode of the folder (one folder, one
 *    name, whatever path or link leads to it); on Windows a named pipe. Binding is atomic.
 * 2. Abstract names are private to a network namespace, and containers may share a volume. So there is
 *    a socket file in the folder as well: it works across namespaces of one kernel, and on systems
 *    without abstract names it is the lock. A socket file outlives its process, but then connecting to
 *    it is refused, and it is replaced. It comes into being under a private name and gets the public
 *    one by `link`, which is atomic and never overwrites.
 * 3. A text file, LOCK, says who it is: for people, and for the error message. Only where the file
 *    system has no socket files is it evidence (same boot, and a process with that id that started at
 *    that tick); then other network namespaces with their own process ids are not noticed.
 *
 * What may still go wrong: machines that share a folder over a network do not see each other's sockets.
 * A data folder belongs on a local disk. Two takeovers of one stale socket file by different network
 * namespaces in the same instant are resolved by looking again at what was moved away.
 */
import { randomBytes } from 'node:crypto';
import { link, open, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';

import { diskFault } from './disk-faults.ts';
import { codeOf } from './network-faults.ts';
import { type DirectoryLock, DiskError } from './types.ts';

const SOCKET_FILE = 'LOCK.sock';
const TEXT_FILE = 'LOCK';
/** How long a holder may take to say who it is; a stopped one never does. */
const ANSWER_MS = 1_000;
const TAKEOVERS_MAX = 5;

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Of this run of the machine; a process id means nothing beyond it. */
  readonly boot: string;
  /** Clock ticks from boot to the start of the process: an id used again has another one. */
  readonly startTicks: string;
}

/** Absent fields: it did not say. */
export interface FolderHolder {
  readonly pid?: number;
  readonly host?: string;
}

export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const folder = resolve(directory);
  const identity = await identityOf(folder);
  const self = await selfAsHolder();
  const kernelName = kernelNameOf(identity);
  const kernelServer =
    kernelName === undefined ? undefined : await takeKernelName(folder, kernelName, self);
  let fileServer: Server | undefined;
  try {
    fileServer = await takeSocketFile(folder, self);
    await writeFile(join(folder, TEXT_FILE), `${JSON.stringify(self)}\n`, { mode: 0o600 });
    return new SocketLock(
      folder,
      [kernelServer, fileServer].filter((held) => held !== undefined),
    );
  } catch (cause) {
    // Or this process holds the folder for good, against its own next attempt too.
    if (fileServer !== undefined) await unlink(join(folder, SOCKET_FILE)).catch(() => {});
    fileServer?.close();
    kernelServer?.close();
    throw diskFault('lock the folder', folder, cause);
  }
}

/** Who holds the folder, without touching it. `undefined`: no live process does. */
export async function folderHolder(directory: string): Promise<FolderHolder | undefined> {
  const folder = resolve(directory);
  const kernelName = kernelNameOf(await identityOf(folder));
  const names = process.platform === 'win32' ? [] : [join(folder, SOCKET_FILE)];
  for (const name of kernelName === undefined ? names : [kernelName, ...names]) {
    // A path that is too long for a socket can not be asked; the kernel's name could.
    const found = await ask(name).catch(() => ({ isAlive: false }) as const);
    if (!found.isAlive) continue;
    const holder = ('holder' in found ? found.holder : undefined) ?? (await readHolder(folder));
    return holder === undefined ? {} : { pid: holder.pid, host: holder.host };
  }
  return undefined;
}

class SocketLock implements DirectoryLock {
  readonly #folder: string;
  #servers: readonly Server[];

  constructor(folder: string, servers: readonly Server[]) {
    this.#folder = folder;
    this.#servers = servers;
  }

  /** Names first, sockets last: whoever comes in between still finds the folder taken. */
  async release(): Promise<void> {
    const servers = this.#servers;
    if (servers.length === 0) return;
    this.#servers = [];
    await unlink(join(this.#folder, TEXT_FILE)).catch(() => {});
    await unlink(join(this.#folder, SOCKET_FILE)).catch(() => {});
    for (const server of servers) server.close();
  }
}

async function identityOf(folder: string): Promise<string> {
  try {
    const facts = await stat(folder, { bigint: true });
    if (facts.isDirectory()) return `${facts.dev}-${facts.ino}`;
  } catch (cause) {
    throw diskFault('lock the folder', folder, cause);
  }
  throw diskFault('lock the folder', folder, { code: 'ENOTDIR' });
}

function kernelNameOf(identity: string): string | undefined {
  if (process.platform === 'linux') return `\0quorate-folder-${identity}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\quorate-folder-${identity}`;
  return undefined;
}

/** `undefined`: this system has no such names after all; the socket file must do. */
async function takeKernelName(
  folder: string,
  name: string,
  self: Holder,
): Promise<Server | undefined> {
  try {
    return await listenAs(name, self);
  } catch (cause) {
    if (codeOf(cause) !== 'EADDRINUSE') return undefined;
    const found = await ask(name);
    throw lockedBy(folder, self, found.holder ?? (await readHolder(folder)));
  }
}

/** `undefined`: the file system has no socket files, and the text file names no live process. */
async function takeSocketFile(folder: string, self: Holder): Promise<Server | undefined> {
  if (process.platform === 'win32') return undefined;
  const handle = await open(folder, 'r');
  // A socket's path has room for about 100 bytes; through the descriptor it is short on Linux.
  const near = process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : folder;
  try {
    const ownName = `LOCK.${self.pid}.${randomBytes(4).toString('hex')}.sock`;
    let server: Server;
    try {
      server = await listenAs(join(near, ownName), self);
    } catch {
      await refuseLiveWriterOfText(folder, self);
      return undefined;
    }
    try {
      await publish(folder, near, ownName, self);
      return server;
    } catch (cause) {
      server.close();
      throw cause;
    } finally {
      await unlink(join(folder, ownName)).catch(() => {});
    }
  } finally {
    await handle.close();
  }
}

async function publish(folder: string, near: string, ownName: string, self: Holder): Promise<void> {
  for (let attempt = 0; attempt < TAKEOVERS_MAX; attempt += 1) {
    try {
      await link(join(folder, ownName), join(folder, SOCKET_FILE));
      return;
    } catch (cause) {
      if (codeOf(cause) !== 'EEXIST') throw cause;
    }
    const found = await ask(join(near, SOCKET_FILE));
    if (found.isAlive) throw lockedBy(folder, self, found.holder ?? (await readHolder(folder)));
    await moveStaleAway(folder, near, self);
  }
  throw lockedBy(folder, self, await readHolder(folder));
}

/** Between the question and the move another process may have put its own socket there. */
async function moveStaleAway(folder: string, near: string, self: Holder): Promise<void> {
  const aside = `LOCK.stale.${randomBytes(4).toString('hex')}.sock`;
  try {
    await rename(join(folder, SOCKET_FILE), join(folder, aside));
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return;
    throw cause;
  }
  const found = await ask(join(near, aside));
  if (found.isAlive) await link(join(folder, aside), join(folder, SOCKET_FILE)).catch(() => {});
  await unlink(join(folder, aside)).catch(() => {});
  if (found.isAlive) throw lockedBy(folder, self, found.holder);
}

async function refuseLiveWriterOfText(folder: string, self: Holder): Promise<void> {
  const holder = await readHolder(folder);
  if (holder === undefined || holder.boot !== self.boot || holder.pid === self.pid) return;
  if ((await startTicksOf(holder.pid)) === holder.startTicks) throw lockedBy(folder, self, holder);
}

/** Answers each connection with who holds the folder. Keeps no process alive. */
function listenAs(path: string, self: Holder): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.unref();
    socket.end(JSON.stringify(self));
  });
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen({ path, exclusive: true }, () => {
      server.removeListener('error', fail);
      server.on('error', () => {});
      server.unref();
      done(server);
    });
  });
}

/** Whoever connects has proved that a live process listens; its answer is only its name. */
function ask(path: string): Promise<{ isAlive: boolean; holder?: Holder }> {
  return new Promise((done) => {
    let isAlive = false;
    let answer = '';
    const socket = connect({ path });
    const timer = setTimeout(() => socket.destroy(), ANSWER_MS);
    socket.setEncoding('utf8');
    socket.on('connect', () => {
      isAlive = true;
    });
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.on('error', (cause) => {
      // What can not be asked for another reason than these may well be alive: do not touch it.
      isAlive ||= !['ECONNREFUSED', 'ENOENT'].includes(codeOf(cause));
    });
    socket.on('close', () => {
      clearTimeout(timer);
      const holder = parseHolder(answer);
      done(holder === undefined ? { isAlive } : { isAlive, holder });
    });
  });
}

async function readHolder(folder: string): Promise<Holder | undefined> {
  return parseHolder(await readFile(join(folder, TEXT_FILE), 'utf8').catch(() => ''));
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Record<keyof Holder, unknown>>;
    const { pid, host, boot, startTicks } = value;
    if (typeof pid !== 'number' || typeof host !== 'string') return undefined;
    return { pid, host, boot: String(boot), startTicks: String(startTicks) };
  } catch {
    return undefined;
  }
}

async function selfAsHolder(): Promise<Holder> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'unknown');
  const startTicks = await startTicksOf(process.pid);
  return { pid: process.pid, host: hostname(), boot: boot.trim(), startTicks: startTicks ?? '' };
}

/** Field 22 of /proc/<pid>/stat; the second field may hold spaces and brackets, so count from its end. */
async function startTicksOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}

function lockedBy(folder: string, self: Holder, holder: Holder | undefined): DiskError {
  const who =
    holder === undefined
      ? 'a live process that did not say who it is'
      : holder.pid === self.pid && holder.startTicks === self.startTicks
        ? `this process already (pid ${holder.pid})`
        : `process ${holder.pid} on ${holder.host}`;
  return new DiskError('locked', folder, `the folder ${folder} is held by ${who}`);
}
