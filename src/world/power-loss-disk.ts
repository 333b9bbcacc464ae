/**
 * A disk that forgets, when the process is killed, exactly what was not synced: for tests that want
 * to see what a power cut does, with real processes and kill -9.
 *
 * A killed process loses nothing that it wrote, as the kernel has it. So this disk keeps what was not
 * synced in the memory of the process: data until `sync` of the file; creations, renames, removals and
 * new folders until `syncDirectory` of the folder. Reads see everything. It is as strict as the
 * contract allows and stricter than most file systems: a synced file whose name was not synced is
 * gone, a renamed one is back under its old name, a file named but not synced is there and empty.
 *
 * How. Changes of names go into a journal; `syncDirectory` replays on the base disk, in order, those
 * that touch the folder and those they depend on. What must have a place on the base before its name
 * is durable (synced data of a new file, a new folder) lies there under a hidden name. Hidden files of
 * dead processes are swept when their folder is listed; hidden folders stay (the door has no way to
 * remove one) and are never shown.
 *
 * `ignoreSync` makes it a disk that lies: syncs answer "done" and do nothing. A test of durability that
 * does not fail on it tests nothing.
 *
 * Limits: memory is bounded, and beyond the bound data is written back early, as a kernel does. One
 * operation at a time for the whole disk; folders are not renamed. For tests, not for production.
 */
import { randomBytes } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';

import { type NodeOwner, PowerLossFile } from './power-loss-file.ts';
import { PowerLossNode } from './power-loss-node.ts';
import {
  type DirectoryLock,
  type Disk,
  DiskError,
  type DiskFile,
  type FileInfo,
  type OpenMode,
} from './types.ts';

/** How bad the disk is. */
export interface PowerLossOptions {
  /** Syncs do nothing but say that they did. */
  readonly ignoreSync?: boolean;
}

const HIDDEN = '.unsynced-';
/** Unsynced data in memory; beyond it the file being written is handed to the base disk early. */
const PENDING_BYTES_MAX = 64 * 1024 * 1024;
/** Unsynced changes of names; beyond it they are all handed down early. */
const JOURNAL_LENGTH_MAX = 10_000;

type NameChange =
  | { readonly kind: 'create'; readonly node: PowerLossNode; readonly path: string }
  | {
      readonly kind: 'rename';
      readonly node: PowerLossNode;
      readonly from: string;
      readonly path: string;
    }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'folder'; readonly path: string };

/**
 * A disk over another one, on which nothing is there after a kill that was not synced. For tests of
 * durability on real files.
 */
export function powerLossDisk(base: Disk, options: PowerLossOptions = {}): Disk {
  return new PowerLossDisk(base, options.ignoreSync === true);
}

class PowerLossDisk implements Disk, NodeOwner {
  readonly #base: Disk;
  readonly #ignoresSync: boolean;
  /** In every hidden name: which process, and which disk in it. */
  readonly #tag = `${HIDDEN}${process.pid}-${randomBytes(4).toString('hex')}-`;
  #hiddenCount = 0;
  /** What differs from the base disk's names, or is open. `gone`: removed or renamed away. */
  readonly #names = new Map<string, PowerLossNode | 'gone'>();
  /** New folders whose names are not durable → their hidden names on the base disk. */
  readonly #folders = new Map<string, string>();
  #journal: NameChange[] = [];
  #pendingBytes = 0;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(base: Disk, ignoresSync: boolean) {
    this.#base = base;
    this.#ignoresSync = ignoresSync;
  }

  makeDirectory(path: string): Promise<void> {
    return this.#inTurn(() => this.#makeFolder(resolve(path)));
  }

  list(path: string): Promise<readonly FileInfo[]> {
    return this.#inTurn(() => this.#list(resolve(path)));
  }

  info(path: string): Promise<FileInfo | undefined> {
    return this.#inTurn(() => this.#info(resolve(path)));
  }

  open(path: string, mode: OpenMode): Promise<DiskFile> {
    return this.#inTurn(() => this.#open(resolve(path), mode));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#inTurn(() => this.#rename(resolve(from), resolve(to)));
  }

  remove(path: string): Promise<void> {
    return this.#inTurn(async () => {
      const target = resolve(path);
      const found = await this.#info(target);
      if (found === undefined) return;
      if (found.kind === 'directory') throw notAFile('remove', target);
      await this.#replace(target, 'gone');
      await this.#note({ kind: 'remove', path: target });
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.#inTurn(async () => {
      const folder = resolve(path);
      if ((await this.#info(folder)) === undefined) throw missing('sync the folder', folder);
      if (this.#ignoresSync) return;
      await this.#replay(this.#dependenciesOf(folder));
      await this.#base.syncDirectory(this.#onBase(folder));
    });
  }

  freeBytes(path: string): Promise<number> {
    return this.#inTurn(() => this.#base.freeBytes(this.#onBase(resolve(path))));
  }

  lock(directory: string): Promise<DirectoryLock> {
    return this.#inTurn(() => this.#base.lock(this.#onBase(resolve(directory))));
  }

  // ---- for the open files -----------------------------------------------------------------------

  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#inTurn(work);
  }

  async changed(node: PowerLossNode, change: () => void): Promise<void> {
    const before = node.pendingBytes;
    change();
    this.#pendingBytes += node.pendingBytes - before;
    if (this.#pendingBytes > PENDING_BYTES_MAX) await this.#flush(node);
  }

  async syncNode(node: PowerLossNode): Promise<void> {
    if (this.#ignoresSync) return;
    await (await this.#flush(node)).sync();
  }

  async closed(node: PowerLossNode): Promise<void> {
    node.openCount -= 1;
    if (node.isOrphan) await this.#bury(node);
    else await this.#forgetSettled();
  }

  // ---- names ------------------------------------------------------------------------------------

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => {});
    return result;
  }

  /** The path on the base disk: folders that are not durable lie there under hidden names. */
  #onBase(path: string): string {
    if (this.#folders.size === 0) return path;
    const parent = dirname(path);
    if (parent === path) return path;
    return join(this.#onBase(parent), this.#folders.get(path) ?? basename(path));
  }

  #hiddenName(): string {
    this.#hiddenCount += 1;
    return `${this.#tag}${this.#hiddenCount}`;
  }

  async #info(path: string): Promise<FileInfo | undefined> {
    const known = this.#names.get(path);
    if (known === 'gone') return undefined;
    if (known !== undefined) return { name: basename(path), kind: 'file', size: known.size };
    const found = await this.#base.info(this.#onBase(path));
    return found === undefined ? undefined : { ...found, name: basename(path) };
  }

  async #list(path: string): Promise<readonly FileInfo[]> {
    const shown = new Map<string, FileInfo>();
    for (const found of await this.#base.list(this.#onBase(path))) {
      if (found.name.startsWith(HIDDEN)) await this.#sweep(path, found);
      else if (!this.#names.has(join(path, found.name))) shown.set(found.name, found);
    }
    for (const folder of this.#folders.keys()) {
      const name = basename(folder);
      if (dirname(folder) === path) shown.set(name, { name, kind: 'directory', size: 0 });
    }
    for (const [known, node] of this.#names) {
      if (node === 'gone' || dirname(known) !== path) continue;
      shown.set(basename(known), { name: basename(known), kind: 'file', size: node.size });
    }
    return [...shown.values()];
  }

  /** What a killed process left: nobody can have been promised that it is there. */
  async #sweep(folder: string, found: FileInfo): Promise<void> {
    const pid = Number(found.name.slice(HIDDEN.length).split('-')[0]);
    if (found.kind !== 'file' || isAlive(pid)) return;
    await this.#base.remove(join(this.#onBase(folder), found.name)).catch(() => {});
  }

  async #makeFolder(path: string): Promise<void> {
    const found = await this.#info(path);
    if (found?.kind === 'directory') return;
    if (found !== undefined) {
      throw new DiskError('not-a-directory', path, `can not make the folder ${path}: it is a file`);
    }
    await this.#makeFolder(dirname(path));
    const hidden = this.#hiddenName();
    await this.#base.makeDirectory(join(this.#onBase(dirname(path)), hidden));
    this.#folders.set(path, hidden);
    await this.#note({ kind: 'folder', path });
  }

  async #open(path: string, mode: OpenMode): Promise<DiskFile> {
    const found = await this.#info(path);
    if (mode === 'create') {
      if (found !== undefined) {
        throw new DiskError('exists', path, `can not create ${path}: it is there already`);
      }
      await this.#mustHaveFolder(path);
      const node = new PowerLossNode(undefined, 0);
      await this.#replace(path, node);
      await this.#note({ kind: 'create', node, path });
      return this.#opened(node, path, mode);
    }
    if (found === undefined) throw missing('open', path);
    if (found.kind === 'directory') throw notAFile('open', path);
    const node = await this.#nodeOf(path);
    if (mode === 'write') await this.#writable(node, path);
    return this.#opened(node, path, mode);
  }

  async #mustHaveFolder(path: string): Promise<void> {
    const folder = await this.#info(dirname(path));
    if (folder === undefined) throw missing('create', path);
    if (folder.kind !== 'directory') {
      throw new DiskError('not-a-directory', path, `can not create ${path}: its folder is a file`);
    }
  }

  #opened(node: PowerLossNode, path: string, mode: OpenMode): DiskFile {
    node.openCount += 1;
    return new PowerLossFile(this, node, path, mode !== 'read');
  }

  /** The node of an existing file, made when the base disk's file is touched for the first time. */
  async #nodeOf(path: string): Promise<PowerLossNode> {
    const known = this.#names.get(path);
    if (known !== undefined && known !== 'gone') return known;
    const handle = await this.#base.open(this.#onBase(path), 'read');
    const node = new PowerLossNode(path, await handle.size());
    node.handle = handle;
    this.#names.set(path, node);
    return node;
  }

  /** Asks the base disk for permission at once, and not at the first sync. */
  async #writable(node: PowerLossNode, path: string): Promise<DiskFile> {
    if (node.handle !== undefined && this.#writeHandles.has(node.handle)) return node.handle;
    const [old, home] = [node.handle, node.home];
    if (home === undefined) {
      node.home = join(dirname(path), this.#hiddenName());
      node.handle = await this.#base.open(this.#onBase(node.home), 'create');
    } else {
      node.handle = await this.#base.open(this.#onBase(home), 'write');
    }
    this.#writeHandles.add(node.handle);
    await old?.close();
    return node.handle;
  }

  readonly #writeHandles = new WeakSet<DiskFile>();

  async #rename(from: string, to: string): Promise<void> {
    const found = await this.#info(from);
    if (found === undefined) throw missing(`rename to ${to} the file`, from);
    const target = await this.#info(to);
    if (found.kind === 'directory' || target?.kind === 'directory') throw notAFile('rename', from);
    await this.#mustHaveFolder(to);
    if (from === to) return;
    const node = await this.#nodeOf(from);
    this.#names.set(from, 'gone');
    await this.#replace(to, node);
    await this.#note({ kind: 'rename', node, from, path: to });
  }

  /** What had that name before is an orphan now: it lives on for those who have it open. */
  async #replace(path: string, node: PowerLossNode | 'gone'): Promise<void> {
    const old = this.#names.get(path);
    this.#names.set(path, node);
    if (old === undefined || old === 'gone') return;
    old.isOrphan = true;
    await this.#bury(old);
  }

  async #bury(node: PowerLossNode): Promise<void> {
    if (node.openCount > 0) return;
    this.#pendingBytes -= node.pendingBytes;
    node.forget();
    const { handle, home } = node;
    node.handle = undefined;
    await handle?.close();
    if (home === undefined || !basename(home).startsWith(HIDDEN)) return;
    node.home = undefined;
    await this.#base.remove(this.#onBase(home));
  }

  async #flush(node: PowerLossNode): Promise<DiskFile> {
    const handle = await this.#writable(node, this.#pathOf(node));
    const before = node.pendingBytes;
    try {
      await node.flush(handle);
    } finally {
      this.#pendingBytes += node.pendingBytes - before;
    }
    return handle;
  }

  /** Some path in a folder where the node's bytes may lie. */
  #pathOf(node: PowerLossNode): string {
    if (node.home !== undefined) return node.home;
    for (const change of this.#journal) {
      if (change.kind === 'create' && change.node === node) return change.path;
    }
    throw new Error('a file without a place must have been created and not been synced');
  }

  // ---- the journal ------------------------------------------------------------------------------

  async #note(change: NameChange): Promise<void> {
    this.#journal.push(change);
    if (this.#journal.length > JOURNAL_LENGTH_MAX) await this.#replay(new Set(this.#journal));
  }

  /** Changes that touch the folder, and earlier ones in every folder that those reach into. */
  #dependenciesOf(folder: string): ReadonlySet<NameChange> {
    const folders = new Set([folder]);
    const needed = new Set<NameChange>();
    for (const change of this.#journal.toReversed()) {
      const touched = foldersOf(change);
      if (!touched.some((path) => folders.has(path))) continue;
      needed.add(change);
      for (const path of touched) folders.add(path);
    }
    return needed;
  }

  async #replay(changes: ReadonlySet<NameChange>): Promise<void> {
    for (const change of [...this.#journal]) {
      if (!changes.has(change)) continue;
      await this.#apply(change);
      this.#journal.splice(this.#journal.indexOf(change), 1);
    }
    await this.#forgetSettled();
  }

  async #apply(change: NameChange): Promise<void> {
    const path = this.#onBase(change.path);
    if (change.kind === 'remove') return this.#base.remove(path);
    if (change.kind === 'folder') {
      const named = join(dirname(path), basename(change.path));
      await this.#base.rename(path, named);
      this.#folders.delete(change.path);
      return;
    }
    const { node } = change;
    if (change.kind === 'create' && node.home === undefined) {
      // Nobody can reach a file that was removed again, so it needs no place either.
      if (node.isOrphan && node.openCount === 0) return;
      node.handle = await this.#base.open(path, 'create');
      this.#writeHandles.add(node.handle);
    } else {
      const isThere = change.kind === 'create' || node.home === change.from;
      if (!isThere || node.home === undefined) return;
      await this.#base.rename(this.#onBase(node.home), path);
    }
    node.home = change.path;
  }

  /** Lets go of names and handles about which the base disk says the same. */
  async #forgetSettled(): Promise<void> {
    const unsettled = new Set(this.#journal.flatMap(pathsOf));
    for (const [path, node] of [...this.#names]) {
      if (unsettled.has(path)) continue;
      if (node === 'gone') {
        this.#names.delete(path);
      } else if (node.openCount === 0 && node.isClean && node.home === path) {
        this.#names.delete(path);
        await node.handle?.close();
        node.handle = undefined;
      }
    }
  }
}

function pathsOf(change: NameChange): readonly string[] {
  return change.kind === 'rename' ? [change.from, change.path] : [change.path];
}

function foldersOf(change: NameChange): readonly string[] {
  return pathsOf(change).map((path) => dirname(path));
}

function missing(doing: string, path: string): DiskError {
  return new DiskError(
    'missing',
    path,
    `can not ${doing} ${path}: there is no such file or folder`,
  );
}

function notAFile(doing: string, path: string): DiskError {
  return new DiskError('failed', path, `can not ${doing} ${path}: folders are not taken here`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}
