/**
 * The disk as one process of a simulated machine sees it, for one life: the machine's files
 * (`MemoryDisk`, which outlives it), with time (disk-lanes.ts) and faults (disk-conditions.ts).
 *
 * The death of the process is the end of its loop: page cache and names stay as they are, and the next
 * process gets a `SimDisk` of its own on the same `MemoryDisk`. A power cut is that and `crash` of the
 * `MemoryDisk`, whose successor the next process lives on. Locks end with the process that holds them.
 *
 * Errors are those of a real disk: EIO of a write leaves nothing or a part of it; EIO of a sync leaves the
 * sectors unknown and looks fine ever after; ENOSPC leaves what fitted. Which operation fails is
 * decided when it would take effect, by chance of a stream of its own.
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
import { type DiskConditions, type DiskStruck, nothingStruck } from './disk-conditions.ts';
import { DiskLanes } from './disk-lanes.ts';
import type { IoLoop } from './event-loop.ts';
import type { MemoryDisk } from './memory-disk.ts';
import type { Inode } from './memory-inode.ts';
import { split } from './memory-tree.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimFile } from './sim-file.ts';

export {
  type DiskConditions,
  type DiskLatency,
  type DiskStruck,
  healthyDisk,
  nothingStruck,
} from './disk-conditions.ts';

/** What takes effect, on which path, and two numbers that belong to it: position and length of a write. */
export type DiskTrace = (what: string, first: number, second: number) => void;

export interface SimDiskOptions {
  readonly disk: MemoryDisk;
  readonly loop: IoLoop;
  /** Drawn from as the process goes on; may be shared by the lives of a machine. */
  readonly random: SeededRandom;
  /** Looked at for each operation. */
  readonly conditions: DiskConditions;
  /** Counted up; may be shared by the lives of a machine. */
  readonly struck?: DiskStruck;
  readonly trace?: DiskTrace;
}

const CHANCES = 10_000;
const SEEDS = 2 ** 32;
/** Of the files that a full disk is asked to make, this one in so many has its place in the folder. */
const MADE_WHEN_FULL = 4;

const ERRNO: Readonly<Partial<Record<DiskFault, string>>> = {
  failed: 'EIO',
  full: 'ENOSPC',
  'read-only': 'EROFS',
};

export class SimDisk implements Disk {
  readonly struck: DiskStruck;
  /** The path of each operation that it refused, in order. */
  readonly refused: string[] = [];
  /** Files that this process opened and did not close. */
  openFiles = 0;
  /** Folders that this process holds. */
  locks = 0;
  readonly #disk: MemoryDisk;
  readonly #loop: IoLoop;
  readonly #conditions: DiskConditions;
  readonly #chance: SeededRandom;
  readonly #lanes: DiskLanes;
  readonly #trace: DiskTrace | undefined;

  constructor(options: SimDiskOptions) {
    const { disk, loop, random, conditions } = options;
    this.struck = options.struck ?? nothingStruck();
    this.#disk = disk;
    this.#loop = loop;
    this.#conditions = conditions;
    this.#trace = options.trace;
    this.#chance = new SeededRandom(random.below(SEEDS), 'faults of a disk');
    const isGone = (): boolean => disk.isDead;
    this.#lanes = new DiskLanes({ loop, random, conditions, struck: this.struck, isGone });
  }

  /** Operations that were asked for and not answered. */
  get pending(): number {
    return this.#lanes.pending;
  }

  // ---- Disk -------------------------------------------------------------------------------------

  makeDirectory(path: string): Promise<void> {
    return this.#change(path, 'makeDirectory', path, () => this.#disk.tree.makeDirectory(path));
  }

  list(path: string): Promise<readonly FileInfo[]> {
    return this.#look(path, 'list', path, () => this.#disk.tree.list(path));
  }

  info(path: string): Promise<FileInfo | undefined> {
    return this.#look(split(path).folder, 'info', path, () => this.#disk.tree.info(path));
  }

  open(path: string, mode: OpenMode): Promise<DiskFile> {
    const { folder } = split(path);
    const { tree } = this.#disk;
    if (mode === 'create') {
      return this.#change(folder, 'create', path, () => {
        this.#refuseWhenFull(path);
        return this.#file(tree.open(path, mode));
      });
    }
    return this.#look(folder, 'open', path, () => {
      if (mode === 'write') this.refuseReadOnly('open', path);
      return this.#file(tree.open(path, mode));
    });
  }

  rename(from: string, to: string): Promise<void> {
    const { folder } = split(from);
    return this.#change(folder, 'rename', from, () => this.#disk.tree.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#change(split(path).folder, 'remove', path, () => this.#disk.tree.remove(path));
  }

  syncDirectory(path: string): Promise<void> {
    const effect = (): void => {
      this.#strikeName('syncDirectory', path);
      this.#disk.tree.syncDirectory(path);
      this.note('syncDirectory', path);
    };
    return this.#lanes.run(path, { latency: 'sync', bytes: 0, effect });
  }

  freeBytes(path: string): Promise<number> {
    return this.#look(path, 'freeBytes', path, () => this.freeBytesNow);
  }

  async lock(directory: string): Promise<DirectoryLock> {
    const { tree } = this.#disk;
    await this.#look(directory, 'lock', directory, () => tree.lock(directory, this.#loop));
    this.locks += 1;
    let isHeld = true;
    return {
      release: async (): Promise<void> => {
        if (!isHeld) return;
        isHeld = false;
        // The kernel takes a lock back; no disk can fail that.
        const effect = (): void => tree.unlock(directory, this.#loop);
        await this.#lanes.run(directory, { latency: 'read', bytes: 0, effect });
        this.locks -= 1;
      },
    };
  }

  // ---- for its files ----------------------------------------------------------------------------

  get lanes(): DiskLanes {
    return this.#lanes;
  }

  get freeBytesNow(): number {
    return this.#disk.tree.freeBytes;
  }

  /** @throws DiskError `failed`, when chance has it. */
  strikeRead(path: string): void {
    if (!this.#strikes(this.#conditions.failReads)) return;
    this.struck.readErrors += 1;
    throw this.failure('read', path, 'failed');
  }

  /** Writes, or a part of it. @throws DiskError. */
  write(inode: Inode, position: number, chunks: readonly Uint8Array[], length: number): void {
    const { path } = inode;
    const { tree } = this.#disk;
    this.refuseReadOnly('write', path);
    if (this.#strikes(this.#conditions.failWrites)) {
      const part = this.#chance.below(2) === 0 ? 0 : this.#chance.below(length + 1);
      const written = tree.write(inode, position, chunks, this.freeBytesNow, part);
      this.struck.writeErrors += 1;
      if (written > 0) this.struck.partialWrites += 1;
      throw this.failure('write', path, 'failed');
    }
    const written = tree.write(inode, position, chunks, this.freeBytesNow);
    this.note('write', path, position, written);
    if (written === length) return;
    this.struck.full += 1;
    throw this.failure('write', path, 'full');
  }

  sync(inode: Inode): void {
    if (this.#strikes(this.#conditions.failSyncs)) {
      inode.failSync();
      this.struck.syncErrors += 1;
      throw this.failure('sync', inode.path, 'failed');
    }
    inode.sync();
    this.note('sync', inode.path);
  }

  truncate(inode: Inode, size: number): void {
    this.refuseReadOnly('truncate', inode.path);
    this.#disk.tree.truncate(inode, size);
    this.note('truncate', inode.path, size);
  }

  refuseReadOnly(doing: string, path: string): void {
    if (!this.#conditions.isReadOnly) return;
    this.struck.readOnly += 1;
    throw this.failure(doing, path, 'read-only');
  }

  failure(doing: string, path: string, fault: DiskFault): DiskError {
    this.note(`${doing} failed`, path);
    this.refused.push(path);
    return new DiskError(fault, path, `can not ${doing} ${path}: ${ERRNO[fault] ?? fault}`);
  }

  note(what: string, path: string, first = 0, second = 0): void {
    this.#trace?.(`${what} ${path}`, first, second);
  }

  // ---- inside -----------------------------------------------------------------------------------

  #file(inode: Inode): DiskFile {
    this.openFiles += 1;
    return new SimFile(this, inode);
  }

  #look<T>(key: string, doing: string, path: string, effect: () => T): Promise<T> {
    const noted = (): T => {
      const found = effect();
      this.note(doing, path);
      return found;
    };
    return this.#lanes.run(key, { latency: 'read', bytes: 0, effect: noted });
  }

  #change<T>(key: string, doing: string, path: string, effect: () => T): Promise<T> {
    const struck = (): T => {
      this.refuseReadOnly(doing, path);
      this.#strikeName(doing, path);
      const done = effect();
      this.note(doing, path);
      return done;
    };
    return this.#lanes.run(key, { latency: 'write', bytes: 0, effect: struck });
  }

  #strikeName(doing: string, path: string): void {
    if (!this.#strikes(this.#conditions.failNames)) return;
    this.struck.nameErrors += 1;
    throw this.failure(doing, path, 'failed');
  }

  #refuseWhenFull(path: string): void {
    if (this.freeBytesNow > 0 || this.#chance.below(MADE_WHEN_FULL) === 0) return;
    this.struck.full += 1;
    throw this.failure('create', path, 'full');
  }

  #strikes(parts: number): boolean {
    return parts > 0 && this.#chance.below(CHANCES) < parts;
  }
}
