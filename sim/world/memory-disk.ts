/**
 * A disk in memory that forgets like a real one. It keeps two pictures of everything: what programs see
 * (the page cache), and what would still be there after a power cut. A file's bytes move from the first
 * to the second by `sync`, names by `syncDirectory`. A power cut takes, for each sector that was not
 * synced, the old or the new bytes at random, for a size that was not synced one of the sizes it had,
 * and any subset of the changes of names. That is harsher than any file system that we know of: a
 * program that survives it relies on nothing but the contract of `Disk`.
 *
 * Every operation waits one microtask and then takes effect at once, so a run is deterministic and
 * operations on one file keep their order. A crash may be set before or after any of them; what
 * a dead incarnation asked for never settles, as its process is gone.
 *
 * Tests use: `crash(random)` for a power cut, `kill()` for the death of the process alone, `dieAfter`,
 * `failOn`, `capacityBytes`, `hold`/`release`, `counters`, and `peek`/`poke` for damage.
 */
import {
  type DirectoryLock,
  type Disk,
  DiskError,
  type DiskFault,
  type DiskFile,
  type FileInfo,
  type OpenMode,
} from '../../src/world/index.ts';
import { type Dice, Inode, type PowerCut } from './memory-inode.ts';

export { type Dice, type PowerCut, SECTOR_BYTES } from './memory-inode.ts';

export type OperationKind =
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'open'
  | 'rename'
  | 'remove'
  | 'syncDirectory'
  | 'makeDirectory'
  | 'look';

export type DiskCounters = Readonly<Record<OperationKind, number>> & {
  readonly bytesWritten: number;
  readonly bytesRead: number;
};

/** An operation that is about to change something. */
export interface DiskChange {
  readonly kind: OperationKind;
  readonly path: string;
  /** Of a write. */
  readonly position?: number;
  readonly bytes?: Buffer;
}

interface PlannedFault {
  readonly kind: OperationKind;
  readonly path: string;
  readonly fault: DiskFault;
  left: number;
}

type NameChange =
  | { readonly kind: 'link'; readonly name: string; readonly inode: Inode }
  | { readonly kind: 'unlink'; readonly name: string }
  | { readonly kind: 'move'; readonly from: string; readonly name: string; readonly inode: Inode };

class Directory {
  names: Map<string, Inode> = new Map();
  safe: Map<string, Inode> = new Map();
  changes: NameChange[] = [];

  change(change: NameChange): void {
    this.changes.push(change);
    applyChange(this.names, change);
  }

  sync(): void {
    this.safe = new Map(this.names);
    this.changes = [];
  }
}

function applyChange(names: Map<string, Inode>, change: NameChange): void {
  if (change.kind === 'unlink') {
    names.delete(change.name);
    return;
  }
  if (change.kind === 'move') names.delete(change.from);
  names.set(change.name, change.inode);
}

export interface MemoryDiskOptions {
  /** Bytes that all files together may hold. */
  readonly capacityBytes?: number;
}

export class MemoryDisk implements Disk {
  capacityBytes: number;
  /** Files that were opened and not closed. */
  openFiles = 0;
  readonly #directories: Map<string, Directory> = new Map();
  readonly #locks: Set<string> = new Set();
  readonly #counters: Record<string, number> = {};
  #faults: PlannedFault[] = [];
  #gate: Promise<void> | undefined;
  #openGate: (() => void) | undefined;
  #isDead = false;
  #operationsLeft = Number.POSITIVE_INFINITY;
  #onDeath: () => void = () => {};
  #watcher: ((change: DiskChange) => void) | undefined;
  /** Settles when the disk has died, by `dieAfter`, `crash` or `kill`. */
  readonly died: Promise<void>;

  constructor(options: MemoryDiskOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.died = new Promise((resolve) => {
      this.#onDeath = resolve;
    });
  }

  // ---- for tests --------------------------------------------------------------------------------

  get counters(): DiskCounters {
    const count = (name: string): number => this.#counters[name] ?? 0;
    return {
      read: count('read'),
      write: count('write'),
      sync: count('sync'),
      truncate: count('truncate'),
      open: count('open'),
      rename: count('rename'),
      remove: count('remove'),
      syncDirectory: count('syncDirectory'),
      makeDirectory: count('makeDirectory'),
      look: count('look'),
      bytesWritten: count('bytesWritten'),
      bytesRead: count('bytesRead'),
    };
  }

  /** All operations that changed something, or tried to. The unit of `dieAfter`. */
  get mutations(): number {
    return this.#counters['mutations'] ?? 0;
  }

  /** The `nth` operation of this kind from now on, on a path that contains `path`, fails. */
  failOn(
    kind: OperationKind,
    fault: DiskFault,
    options: { nth?: number; path?: string } = {},
  ): void {
    this.#faults.push({ kind, fault, path: options.path ?? '', left: options.nth ?? 1 });
  }

  /** After `count` more changing operations the process is dead: nothing settles, nothing happens. */
  dieAfter(count: number): void {
    this.#operationsLeft = count;
  }

  /** Operations wait until `release`. */
  hold(): void {
    if (this.#gate !== undefined) return;
    this.#gate = new Promise((resolve) => {
      this.#openGate = resolve;
    });
  }

  release(): void {
    this.#openGate?.();
    this.#gate = undefined;
    this.#openGate = undefined;
  }

  /** `watcher` is called just before each operation that changes something takes effect. */
  watch(watcher: (change: DiskChange) => void): void {
    this.#watcher = watcher;
  }

  /** A power cut: the disk that the machine finds when it comes back. */
  crash(dice: Dice, how: PowerCut = {}): MemoryDisk {
    this.#die();
    const after = new MemoryDisk({ capacityBytes: this.capacityBytes });
    const inodes = new Map<Inode, Inode>();
    const survivor = (inode: Inode): Inode => {
      const known = inodes.get(inode) ?? inode.afterCrash(dice, how);
      inodes.set(inode, known);
      return known;
    };
    for (const [path, directory] of this.#directories) {
      const names = new Map(directory.safe);
      for (const change of directory.changes) {
        if (dice.below(2) === 1) applyChange(names, change);
      }
      after.#adopt(path, names, survivor);
    }
    return after;
  }

  /** The process dies, the machine lives: what was written is there, synced or not. */
  kill(): MemoryDisk {
    this.#die();
    return this.picture();
  }

  /** The disk as it is at this moment, unsynced changes included, without faults and locks. */
  picture(): MemoryDisk {
    const after = new MemoryDisk({ capacityBytes: this.capacityBytes });
    const inodes = new Map<Inode, Inode>();
    const survivor = (inode: Inode): Inode => {
      const known = inodes.get(inode) ?? inode.afterKill();
      inodes.set(inode, known);
      return known;
    };
    for (const [path, directory] of this.#directories) {
      const copy = after.#adopt(path, directory.names, survivor);
      copy.safe = new Map([...directory.safe].map(([name, inode]) => [name, survivor(inode)]));
      copy.changes = directory.changes.map((change) =>
        change.kind === 'unlink' ? change : { ...change, inode: survivor(change.inode) },
      );
    }
    return after;
  }

  /** Writes into a file as a program would, at once: the bytes are not synced. */
  scribble(path: string, position: number, bytes: Uint8Array): void {
    this.#mustFind(path).write(position, bytes);
  }

  /** A copy of the whole disk, everything on it durable, without faults and locks. */
  clone(): MemoryDisk {
    const after = new MemoryDisk({ capacityBytes: this.capacityBytes });
    for (const [path, directory] of this.#directories) {
      after.#adopt(path, directory.names, (inode) => {
        const copy = inode.afterKill();
        copy.settle();
        return copy;
      });
    }
    return after;
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    const found: string[] = [];
    for (const [path, directory] of this.#directories) {
      for (const name of directory.names.keys()) found.push(`${path}/${name}`);
    }
    return found.sort();
  }

  /** A file's bytes as a program would read them. */
  peek(path: string): Buffer {
    const inode = this.#mustFind(path);
    return Buffer.from(inode.now.subarray(0, inode.size));
  }

  /** Replaces a file's bytes behind everybody's back, durably. Creates it when it is not there. */
  poke(path: string, bytes: Uint8Array): void {
    const { folder, name } = split(path);
    const directory = this.#directory(folder, path);
    const inode = directory.names.get(name) ?? new Inode();
    inode.now = Buffer.from(bytes);
    inode.size = bytes.length;
    inode.settle();
    directory.names.set(name, inode);
    directory.safe.set(name, inode);
  }

  // ---- Disk -------------------------------------------------------------------------------------

  async makeDirectory(path: string): Promise<void> {
    await this.#enter('makeDirectory', path);
    const parts = path.split('/');
    for (let count = 2; count <= parts.length; count++) {
      const folder = parts.slice(0, count).join('/');
      if (this.#directories.has(folder)) continue;
      if (this.#find(folder) !== undefined) {
        throw new DiskError('not-a-directory', folder, `${folder} is a file`);
      }
      // Folders themselves survive a crash: nothing in here depends on when they became durable.
      this.#directories.set(folder, new Directory());
    }
  }

  async list(path: string): Promise<readonly FileInfo[]> {
    await this.#enter('look', path);
    const infos: FileInfo[] = [];
    for (const [name, inode] of this.#directory(path, path).names) {
      infos.push({ name, kind: 'file', size: inode.size });
    }
    for (const folder of this.#directories.keys()) {
      const { folder: parent, name } = split(folder);
      if (parent === path) infos.push({ name, kind: 'directory', size: 0 });
    }
    return infos;
  }

  async info(path: string): Promise<FileInfo | undefined> {
    await this.#enter('look', path);
    const { name } = split(path);
    if (this.#directories.has(path)) return { name, kind: 'directory', size: 0 };
    const inode = this.#find(path);
    return inode === undefined ? undefined : { name, kind: 'file', size: inode.size };
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    await this.#enter('open', path, mode === 'create');
    const { folder, name } = split(path);
    const directory = this.#directory(folder, path);
    let inode = directory.names.get(name);
    if (mode === 'create') {
      if (inode !== undefined) throw new DiskError('exists', path, `${path} exists already`);
      inode = new Inode();
      directory.change({ kind: 'link', name, inode });
    }
    if (inode === undefined) throw missing(path);
    inode.path = path;
    return this.#file(path, inode);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#enter('rename', from, true);
    const source = split(from);
    const target = split(to);
    if (source.folder !== target.folder) throw new Error('renames across folders are not modelled');
    const directory = this.#directory(source.folder, from);
    const inode = directory.names.get(source.name);
    if (inode === undefined) throw missing(from);
    directory.change({ kind: 'move', from: source.name, name: target.name, inode });
    inode.path = to;
  }

  async remove(path: string): Promise<void> {
    await this.#enter('remove', path, true);
    const { folder, name } = split(path);
    const directory = this.#directory(folder, path);
    if (directory.names.has(name)) directory.change({ kind: 'unlink', name });
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#enter('syncDirectory', path, true);
    this.#directory(path, path).sync();
  }

  async freeBytes(_path: string): Promise<number> {
    await this.#enter('look', _path);
    return Math.min(Number.MAX_SAFE_INTEGER, this.capacityBytes - this.#usedBytes());
  }

  async lock(directory: string): Promise<DirectoryLock> {
    await this.#enter('look', directory);
    if (this.#locks.has(directory)) {
      throw new DiskError('locked', directory, `${directory} is locked by this process`);
    }
    this.#locks.add(directory);
    return {
      release: async (): Promise<void> => {
        // The kernel takes a lock back; no disk can fail that.
        await this.#gate;
        if (this.#isDead) await new Promise<never>(() => {});
        this.#locks.delete(directory);
      },
    };
  }

  // ---- inside -----------------------------------------------------------------------------------

  #file(path: string, inode: Inode): DiskFile {
    let isClosed = false;
    const enter = async (kind: OperationKind, changes: boolean): Promise<void> => {
      if (isClosed) throw new DiskError('failed', path, `${path} was closed`);
      await this.#enter(kind, inode.path, changes, inode);
    };
    const write = async (position: number, chunks: readonly Uint8Array[]): Promise<void> => {
      await enter('write', true);
      const bytes = Buffer.concat(chunks);
      this.#watcher?.({ kind: 'write', path: inode.path, position, bytes });
      const room = this.capacityBytes - this.#usedBytes() + inode.size - position;
      const fits = bytes.subarray(0, Math.max(0, Math.min(bytes.length, room)));
      inode.write(position, fits);
      this.#count('bytesWritten', fits.length);
      if (fits.length === bytes.length) return;
      throw new DiskError('full', inode.path, `no space left: ${inode.path}`);
    };
    const sync = async (): Promise<void> => {
      await enter('sync', true);
      inode.sync();
    };
    this.openFiles++;
    return {
      read: async (position, length) => {
        await enter('read', false);
        const end = Math.min(inode.size, position + length);
        const bytes = Buffer.from(inode.now.subarray(Math.min(position, end), end));
        this.#count('bytesRead', bytes.length);
        return bytes;
      },
      write,
      sync,
      writeAndSync: async (position, chunks) => {
        await write(position, chunks);
        await sync();
      },
      truncate: async (size) => {
        await enter('truncate', true);
        inode.resize(size);
      },
      size: async () => {
        await enter('look', false);
        return inode.size;
      },
      close: async () => {
        if (isClosed) return;
        await enter('look', false);
        isClosed = true;
        this.openFiles--;
      },
    };
  }

  /** The turn of an operation: it waits for its microtask and the gate, dies or fails as planned. */
  async #enter(kind: OperationKind, path: string, changes = false, inode?: Inode): Promise<void> {
    await this.#gate;
    if (changes && !this.#isDead) {
      if (this.#operationsLeft <= 0) this.#die();
      else this.#operationsLeft--;
    }
    if (this.#isDead) await new Promise<never>(() => {});
    this.#count(kind, 1);
    if (changes) this.#count('mutations', 1);
    const fault = this.#nextFault(kind, path);
    if (fault === undefined) {
      if (changes && kind !== 'write') this.#watcher?.({ kind, path });
      return;
    }
    if (kind === 'sync') inode?.failSync();
    throw new DiskError(fault, path, `${kind} of ${path}: ${fault} (injected)`);
  }

  #nextFault(kind: OperationKind, path: string): DiskFault | undefined {
    for (const planned of this.#faults) {
      if (planned.kind !== kind || !path.includes(planned.path)) continue;
      planned.left--;
      if (planned.left > 0) continue;
      this.#faults = this.#faults.filter((other) => other !== planned);
      return planned.fault;
    }
    return undefined;
  }

  #die(): void {
    this.#isDead = true;
    this.#onDeath();
  }

  #count(name: string, by: number): void {
    this.#counters[name] = (this.#counters[name] ?? 0) + by;
  }

  #usedBytes(): number {
    let bytes = 0;
    for (const directory of this.#directories.values()) {
      for (const inode of directory.names.values()) bytes += inode.size;
    }
    return bytes;
  }

  #adopt(path: string, names: Map<string, Inode>, survivor: (inode: Inode) => Inode): Directory {
    const directory = new Directory();
    for (const [name, inode] of names) directory.names.set(name, survivor(inode));
    directory.sync();
    this.#directories.set(path, directory);
    return directory;
  }

  #find(path: string): Inode | undefined {
    const { folder, name } = split(path);
    return this.#directories.get(folder)?.names.get(name);
  }

  #mustFind(path: string): Inode {
    const inode = this.#find(path);
    if (inode === undefined) throw missing(path);
    return inode;
  }

  #directory(folder: string, path: string): Directory {
    const directory = this.#directories.get(folder);
    if (directory !== undefined) return directory;
    if (this.#find(folder) === undefined) throw missing(path);
    throw new DiskError('not-a-directory', folder, `${folder} is a file`);
  }
}

function split(path: string): { readonly folder: string; readonly name: string } {
  const at = path.lastIndexOf('/');
  return { folder: path.slice(0, at), name: path.slice(at + 1) };
}

function missing(path: string): DiskError {
  return new DiskError('missing', path, `there is no ${path}`);
}
