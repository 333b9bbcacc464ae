/**
 * A disk in memory that forgets like a real one (memory-tree.ts says how), for the tests of one room and
 * as the disk of a simulated machine, which a `SimDisk` gives time and faults.
 *
 * As a `Disk` of its own: every operation waits one microtask and then takes effect at once, so a run is
 * deterministic and operations on one file keep their order. A crash may be set before or after any of
 * them; what a dead incarnation asked for never settles, as its process is gone.
 *
 * Tests use: `crash(random)` for a power cut, `kill()` for the death of the process alone, `dieAfter`,
 * `failOn`, `capacityBytes`, `hold`/`release`, `counters`, `peek`/`poke` for damage, and `rot`.
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
import type { CutLosses, Dice, Inode, PowerCut } from './memory-inode.ts';
import { MemoryTree, type Rot } from './memory-tree.ts';

export { type CutLosses, type Dice, type PowerCut, SECTOR_BYTES } from './memory-inode.ts';
export type { Rot } from './memory-tree.ts';

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

export interface MemoryDiskOptions {
  /** Bytes that all files together may hold. */
  readonly capacityBytes?: number;
}

type MutableCounters = { -readonly [K in keyof DiskCounters]: number };

export class MemoryDisk implements Disk {
  /** The files themselves; a `SimDisk` works on them, too. */
  readonly tree: MemoryTree;
  /** What the power cut took that this disk was left by; `undefined`: none. */
  readonly losses: CutLosses | undefined;
  /** Files that were opened and not closed. */
  openFiles = 0;
  /** The machine or the process is gone: nothing takes effect or settles any more. */
  isDead = false;
  /** Settles when the disk has died, by `dieAfter`, `crash` or `kill`. */
  readonly died: Promise<void>;
  readonly #counters: MutableCounters = noCounts();
  #mutations = 0;
  #faults: PlannedFault[] = [];
  #gate: Promise<void> | undefined;
  #openGate: (() => void) | undefined;
  #operationsLeft = Number.POSITIVE_INFINITY;
  #onDeath: () => void = () => {};
  #watcher: ((change: DiskChange) => void) | undefined;

  /** `tree` and `losses`: of a disk that lives on. */
  constructor(options: MemoryDiskOptions = {}, tree?: MemoryTree, losses?: CutLosses) {
    this.tree = tree ?? new MemoryTree(options.capacityBytes);
    this.losses = losses;
    this.died = new Promise((resolve) => {
      this.#onDeath = resolve;
    });
  }

  // ---- for tests --------------------------------------------------------------------------------

  get capacityBytes(): number {
    return this.tree.capacityBytes;
  }

  set capacityBytes(bytes: number) {
    this.tree.capacityBytes = bytes;
  }

  /** Bytes that all files together hold. */
  get usedBytes(): number {
    return this.tree.usedBytes;
  }

  get counters(): DiskCounters {
    return { ...this.#counters };
  }

  /** All operations that changed something, or tried to. The unit of `dieAfter`. */
  get mutations(): number {
    return this.#mutations;
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

  /** A power cut: the disk that the machine finds when it comes back; its `losses` say what is gone. */
  crash(dice: Dice, how: PowerCut = {}): MemoryDisk {
    this.#die();
    const { tree, losses } = this.tree.afterCrash(dice, how);
    return new MemoryDisk({}, tree, losses);
  }

  /** The process dies, the machine lives: what was written is there, synced or not. */
  kill(): MemoryDisk {
    this.#die();
    return this.picture();
  }

  /** The disk as it is at this moment, unsynced changes included, without faults and locks. */
  picture(): MemoryDisk {
    return new MemoryDisk({}, this.tree.picture());
  }

  /** A copy of the whole disk, everything on it durable, without faults and locks. */
  clone(): MemoryDisk {
    return new MemoryDisk({}, this.tree.settled());
  }

  /** Writes into a file as a program would, at once: the bytes are not synced. */
  scribble(path: string, position: number, bytes: Uint8Array): void {
    this.tree.write(this.tree.mustFind(path), position, [bytes], Number.POSITIVE_INFINITY);
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    return this.tree.paths();
  }

  /** A file's bytes as a program would read them. */
  peek(path: string): Buffer {
    const inode = this.tree.mustFind(path);
    return inode.read(0, inode.size);
  }

  /** Replaces a file's bytes behind everybody's back, durably. Creates it when it is not there. */
  poke(path: string, bytes: Uint8Array): void {
    this.tree.poke(path, bytes);
  }

  /** Bit rot at rest: flips one durable bit of one file, and says which. `undefined`: there is none. */
  rot(dice: Dice, isWanted?: (path: string) => boolean): Rot | undefined {
    return this.tree.rot(dice, isWanted);
  }

  // ---- Disk -------------------------------------------------------------------------------------

  async makeDirectory(path: string): Promise<void> {
    await this.#gate;
    if (!this.#enter('makeDirectory', path, false)) return never();
    this.tree.makeDirectory(path);
  }

  async list(path: string): Promise<readonly FileInfo[]> {
    await this.#gate;
    if (!this.#enter('look', path, false)) return never();
    return this.tree.list(path);
  }

  async info(path: string): Promise<FileInfo | undefined> {
    await this.#gate;
    if (!this.#enter('look', path, false)) return never();
    return this.tree.info(path);
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    await this.#gate;
    if (!this.#enter('open', path, mode === 'create')) return never();
    return this.#file(path, this.tree.open(path, mode));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#gate;
    if (!this.#enter('rename', from, true)) return never();
    this.tree.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await this.#gate;
    if (!this.#enter('remove', path, true)) return never();
    this.tree.remove(path);
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#gate;
    if (!this.#enter('syncDirectory', path, true)) return never();
    this.tree.syncDirectory(path);
  }

  async freeBytes(path: string): Promise<number> {
    await this.#gate;
    if (!this.#enter('look', path, false)) return never();
    return this.tree.freeBytes;
  }

  async lock(directory: string): Promise<DirectoryLock> {
    await this.#gate;
    if (!this.#enter('look', directory, false)) return never();
    this.tree.lock(directory, this);
    return {
      release: async (): Promise<void> => {
        // The kernel takes a lock back; no disk can fail that.
        await this.#gate;
        if (this.isDead) return never();
        this.tree.unlock(directory, this);
      },
    };
  }

  // ---- inside -----------------------------------------------------------------------------------

  #file(path: string, inode: Inode): DiskFile {
    let isClosed = false;
    const enter = (kind: OperationKind, changes: boolean): boolean => {
      if (isClosed) throw new DiskError('failed', path, `${path} was closed`);
      return this.#enter(kind, inode.path, changes, inode);
    };
    const write = async (position: number, chunks: readonly Uint8Array[]): Promise<void> => {
      await this.#gate;
      if (!enter('write', true)) return never();
      this.#write(inode, position, chunks);
    };
    const sync = async (): Promise<void> => {
      await this.#gate;
      if (!enter('sync', true)) return never();
      inode.sync();
    };
    this.openFiles++;
    return {
      read: async (position, length) => {
        await this.#gate;
        if (!enter('read', false)) return never();
        const bytes = inode.read(position, length);
        this.#counters.bytesRead += bytes.length;
        return bytes;
      },
      write,
      sync,
      writeAndSync: async (position, chunks) => {
        await write(position, chunks);
        await sync();
      },
      truncate: async (size) => {
        await this.#gate;
        if (!enter('truncate', true)) return never();
        this.tree.truncate(inode, size);
      },
      size: async () => {
        await this.#gate;
        if (!enter('look', false)) return never();
        return inode.size;
      },
      close: async () => {
        await this.#gate;
        if (isClosed) return;
        if (!enter('look', false)) return never();
        isClosed = true;
        this.openFiles--;
      },
    };
  }

  #write(inode: Inode, position: number, chunks: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(this.#watcher === undefined ? [] : chunks);
    this.#watcher?.({ kind: 'write', path: inode.path, position, bytes });
    let wanted = 0;
    for (const chunk of chunks) wanted += chunk.length;
    const written = this.tree.write(inode, position, chunks);
    this.#counters.bytesWritten += written;
    if (written === wanted) return;
    throw new DiskError('full', inode.path, `no space left: ${inode.path}`);
  }

  /** The turn of an operation: it dies (false) or fails as planned, or takes effect. */
  #enter(kind: OperationKind, path: string, changes: boolean, inode?: Inode): boolean {
    if (changes && !this.isDead) {
      if (this.#operationsLeft <= 0) this.#die();
      else this.#operationsLeft--;
    }
    if (this.isDead) return false;
    this.#counters[kind] += 1;
    if (changes) this.#mutations += 1;
    const fault = this.#faults.length === 0 ? undefined : this.#nextFault(kind, path);
    if (fault === undefined) {
      if (changes && kind !== 'write') this.#watcher?.({ kind, path });
      return true;
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
    this.isDead = true;
    this.#onDeath();
  }
}

/** What the dead asked for. */
function never(): Promise<never> {
  return new Promise<never>(() => {});
}

function noCounts(): MutableCounters {
  return {
    read: 0,
    write: 0,
    sync: 0,
    truncate: 0,
    open: 0,
    rename: 0,
    remove: 0,
    syncDirectory: 0,
    makeDirectory: 0,
    look: 0,
    bytesWritten: 0,
    bytesRead: 0,
  };
}
