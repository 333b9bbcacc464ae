/**
 * The files of one simulated machine, without time: names, bytes, locks, and what a power cut leaves of
 * them. Every operation takes effect in its call. Who waits how long for it, and which operation fails,
 * is decided outside: by `MemoryDisk` for the tests of one room, by `SimDisk` for whole machines.
 *
 * It keeps two pictures of everything: what programs see (the page cache), and what would still be there
 * after a power cut. A file's bytes move from the first to the second by `sync`, names by
 * `syncDirectory`. A power cut takes, for each sector that was not synced, the old or the new bytes at
 * random, for a size that was not synced one of the sizes it had, and any subset of the changes of names.
 * That is harsher than any file system that we know of: a program that survives it relies on nothing
 * but the contract of `Disk`. Two things are milder than that: folders themselves survive every crash, and
 * a sync of a folder that failed leaves its names to the next one, for file systems that lose names
 * behind a failed sync take no more writes.
 */
import { DiskError, type FileInfo, type OpenMode } from '../../src/world/index.ts';
import { type CutLosses, type Dice, Inode, type PowerCut } from './memory-inode.ts';

/** Who holds a folder; its locks end with it. */
export interface LockHolder {
  readonly isDead: boolean;
}

/** What rot has done. */
export interface Rot {
  readonly path: string;
  readonly offset: number;
  /** 0 is the lowest bit of the byte. */
  readonly bit: number;
}

type NameChange =
  | { readonly kind: 'link'; readonly name: string; readonly inode: Inode }
  | { readonly kind: 'unlink'; readonly name: string }
  | { readonly kind: 'move'; readonly from: string; readonly name: string; readonly inode: Inode };

interface Directory {
  readonly names: Map<string, Inode>;
  readonly safe: Map<string, Inode>;
  changes: NameChange[];
}

export class MemoryTree {
  /** Bytes that all files together may hold. */
  capacityBytes: number;
  readonly #directories: Map<string, Directory> = new Map();
  readonly #locks: Map<string, LockHolder> = new Map();
  #usedBytes = 0;

  constructor(capacityBytes: number = Number.POSITIVE_INFINITY) {
    this.capacityBytes = capacityBytes;
  }

  /** Of all files that have a name. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  get freeBytes(): number {
    return Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, this.capacityBytes - this.#usedBytes));
  }

  // ---- names ------------------------------------------------------------------------------------

  makeDirectory(path: string): void {
    const parts = path.split('/');
    for (let count = 2; count <= parts.length; count++) {
      const folder = parts.slice(0, count).join('/');
      if (this.#directories.has(folder)) continue;
      if (this.find(folder) !== undefined) throw notAFolder(folder);
      this.#directories.set(folder, { names: new Map(), safe: new Map(), changes: [] });
    }
  }

  list(path: string): readonly FileInfo[] {
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

  info(path: string): FileInfo | undefined {
    const { name } = split(path);
    if (this.#directories.has(path)) return { name, kind: 'directory', size: 0 };
    const inode = this.find(path);
    return inode === undefined ? undefined : { name, kind: 'file', size: inode.size };
  }

  open(path: string, mode: OpenMode): Inode {
    const { folder, name } = split(path);
    const directory = this.#directory(folder, path);
    let inode = directory.names.get(name);
    if (mode === 'create') {
      if (inode !== undefined) throw new DiskError('exists', path, `${path} exists already`);
      inode = new Inode();
      this.#change(directory, { kind: 'link', name, inode });
    }
    if (inode === undefined) throw missing(path);
    inode.path = path;
    return inode;
  }

  rename(from: string, to: string): void {
    const source = split(from);
    const target = split(to);
    if (source.folder !== target.folder) throw new Error('renames across folders are not modelled');
    const directory = this.#directory(source.folder, from);
    const inode = directory.names.get(source.name);
    if (inode === undefined) throw missing(from);
    if (from === to) return;
    this.#change(directory, { kind: 'move', from: source.name, name: target.name, inode });
    inode.path = to;
  }

  remove(path: string): void {
    const { folder, name } = split(path);
    const directory = this.#directory(folder, path);
    if (directory.names.has(name)) this.#change(directory, { kind: 'unlink', name });
  }

  syncDirectory(path: string): void {
    const directory = this.#directory(path, path);
    for (const change of directory.changes) applyChange(directory.safe, change);
    directory.changes = [];
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    const found: string[] = [];
    for (const [path, directory] of this.#directories) {
      for (const name of directory.names.keys()) found.push(`${path}/${name}`);
    }
    return found.sort();
  }

  find(path: string): Inode | undefined {
    const { folder, name } = split(path);
    return this.#directories.get(folder)?.names.get(name);
  }

  mustFind(path: string): Inode {
    const inode = this.find(path);
    if (inode === undefined) throw missing(path);
    return inode;
  }

  // ---- bytes ------------------------------------------------------------------------------------

  /**
   * Writes as much as there is room for, and answers how many bytes that were: what lies within the file
   * may always be written over. `mostBytes`: no more than so many, whatever the room.
   */
  write(
    inode: Inode,
    position: number,
    chunks: readonly Uint8Array[],
    freeBytes: number = this.freeBytes,
    mostBytes: number = Number.POSITIVE_INFINITY,
  ): number {
    let length = 0;
    for (const chunk of chunks) length += chunk.length;
    const room = inode.size + freeBytes - position;
    const fits = Math.max(0, Math.min(length, room, mostBytes));
    const before = inode.size;
    inode.write(position, chunks, fits);
    if (inode.isLinked) this.#usedBytes += inode.size - before;
    return fits;
  }

  truncate(inode: Inode, size: number): void {
    if (inode.isLinked) this.#usedBytes += size - inode.size;
    inode.resize(size);
  }

  /** Replaces a file's bytes behind everybody's back, durably. Creates it when it is not there. */
  poke(path: string, bytes: Uint8Array): void {
    const { folder, name } = split(path);
    const directory = this.#directory(folder, path);
    let inode = directory.names.get(name);
    if (inode === undefined) {
      inode = new Inode();
      inode.isLinked = true;
      inode.path = path;
      directory.names.set(name, inode);
    }
    this.#usedBytes += bytes.length - inode.size;
    inode.replace(bytes);
    directory.safe.set(name, inode);
  }

  /** Bit rot: one bit of one byte of a file, wherever in it. `undefined`: no file has a byte. */
  rot(dice: Dice, isWanted: (path: string) => boolean = () => true): Rot | undefined {
    const paths = this.paths().filter((path) => isWanted(path) && this.mustFind(path).size > 0);
    if (paths.length === 0) return undefined;
    const path = paths[dice.below(paths.length)]!; // there is one
    const inode = this.mustFind(path);
    const offset = dice.below(inode.size);
    const bit = dice.below(8);
    inode.flip(offset, bit);
    return { path, offset, bit };
  }

  // ---- locks ------------------------------------------------------------------------------------

  lock(path: string, holder: LockHolder): void {
    const other = this.#locks.get(path);
    if (other !== undefined && !other.isDead) {
      const who = other === holder ? 'this process' : 'another process';
      throw new DiskError('locked', path, `${path} is locked by ${who}`);
    }
    this.#locks.set(path, holder);
  }

  unlock(path: string, holder: LockHolder): void {
    if (this.#locks.get(path) === holder) this.#locks.delete(path);
  }

  // ---- what is left -----------------------------------------------------------------------------

  /** A power cut: what the machine finds when it comes back. */
  afterCrash(dice: Dice, how: PowerCut): { readonly tree: MemoryTree; readonly losses: CutLosses } {
    const tree = new MemoryTree(this.capacityBytes);
    let sectors = 0;
    let sizes = 0;
    let lostNames = 0;
    const survivor = once((inode) => {
      const after = inode.afterCrash(dice, how);
      sectors += after.losses.sectors;
      sizes += after.losses.sizes;
      return after.inode;
    });
    for (const [path, directory] of this.#directories) {
      const names = new Map(directory.safe);
      for (const change of directory.changes) {
        if (dice.below(2) === 1) applyChange(names, change);
        else lostNames += 1;
      }
      tree.#adopt(path, names, survivor);
    }
    return { tree, losses: { sectors, sizes, names: lostNames } };
  }

  /** As it is at this moment, unsynced changes included, without locks. */
  picture(): MemoryTree {
    const tree = new MemoryTree(this.capacityBytes);
    const survivor = once((inode) => inode.afterKill());
    for (const [path, directory] of this.#directories) {
      const safe = new Map<string, Inode>();
      for (const [name, inode] of directory.safe) safe.set(name, survivor(inode));
      const changes = directory.changes.map((change) =>
        change.kind === 'unlink' ? change : { ...change, inode: survivor(change.inode) },
      );
      tree.#adopt(path, directory.names, survivor, safe, changes);
    }
    return tree;
  }

  /** As it is at this moment, everything durable, without locks. */
  settled(): MemoryTree {
    const tree = new MemoryTree(this.capacityBytes);
    const survivor = once((inode) => {
      const copy = inode.afterKill();
      copy.settle();
      return copy;
    });
    for (const [path, { names }] of this.#directories) tree.#adopt(path, names, survivor);
    return tree;
  }

  // ---- inside -----------------------------------------------------------------------------------

  #adopt(
    path: string,
    names: ReadonlyMap<string, Inode>,
    survivor: (inode: Inode) => Inode,
    safe?: Map<string, Inode>,
    changes: NameChange[] = [],
  ): void {
    const adopted = new Map<string, Inode>();
    for (const [name, inode] of names) {
      const copy = survivor(inode);
      copy.path = `${path}/${name}`;
      // A crash may leave one file under two names, as a hard link.
      if (!copy.isLinked) this.#usedBytes += copy.size;
      copy.isLinked = true;
      adopted.set(name, copy);
    }
    this.#directories.set(path, { names: adopted, safe: safe ?? new Map(adopted), changes });
  }

  #change(directory: Directory, change: NameChange): void {
    directory.changes.push(change);
    const replaced = directory.names.get(change.name);
    applyChange(directory.names, change);
    // A file that a crash left under two names keeps its bytes until the last one goes.
    if (replaced?.isLinked === true && !has(directory.names, replaced)) {
      replaced.isLinked = false;
      this.#usedBytes -= replaced.size;
    }
    if (change.kind === 'link') change.inode.isLinked = true;
  }

  #directory(folder: string, path: string): Directory {
    const directory = this.#directories.get(folder);
    if (directory !== undefined) return directory;
    if (this.find(folder) === undefined) throw missing(path);
    throw notAFolder(folder);
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

function has(names: ReadonlyMap<string, Inode>, inode: Inode): boolean {
  for (const named of names.values()) {
    if (named === inode) return true;
  }
  return false;
}

/** Each file is copied once, however many names lead to it. */
function once(copy: (inode: Inode) => Inode): (inode: Inode) => Inode {
  const copies = new Map<Inode, Inode>();
  return (inode) => {
    const known = copies.get(inode) ?? copy(inode);
    copies.set(inode, known);
    return known;
  };
}

export function split(path: string): { readonly folder: string; readonly name: string } {
  const at = path.lastIndexOf('/');
  return { folder: path.slice(0, at), name: path.slice(at + 1) };
}

function missing(path: string): DiskError {
  return new DiskError('missing', path, `there is no ${path}`);
}

function notAFolder(path: string): DiskError {
  return new DiskError('not-a-directory', path, `${path} is a file`);
}
