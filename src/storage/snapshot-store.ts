/**
 * The snapshot files of one data folder. A file's name says what it is (index, term, checksum of the
 * whole file), so that opening a folder need not read gigabytes to know. A file gets its final name
 * after it was synced; whatever else lies there is temporary, or a transfer that may go on later.
 *
 * A file that is here is not yet a snapshot in force: one that was received, or that founds a group,
 * counts only once the log says so (`installSnapshot`). When a folder is opened, the newest file that
 * agrees with the log is in force, and files that contradict it or lie beyond its end are removed: their
 * install never came to its end (NASTY 36).
 *
 * A snapshot that can not be written does not end the storage, as a failed write of the log does:
 * nothing that was promised rests on it. The call fails, the temporary file goes, the log stays.
 */
import { join } from 'node:path';
import { assert, ClusterError } from '../errors.ts';
import { SNAPSHOT_PARTS_KEPT } from '../limits.ts';
import type { LogIndex, Snapshot } from '../raft/index.ts';
import { type Disk, DiskError, type Logger } from '../world/index.ts';
import { hex32 } from './bytes.ts';
import { decodeSnapshotDescriptor } from './descriptor.ts';
import type { LogMemory, LogPosition } from './log-memory.ts';
import { PartialSnapshot, sourceOf, transferFailed } from './partial-snapshot.ts';
import { TEMPORARY_SUFFIX } from './segment-files.ts';
import type { SnapshotMeta } from './snapshot-format.ts';
import {
  type ByteSource,
  FileSnapshotReader,
  readLayout,
  type SnapshotLayout,
} from './snapshot-reader.ts';
import { writeSnapshot } from './snapshot-writer.ts';
import { closed, corrupt, diskFailure } from './storage-errors.ts';
import { SyncingSink } from './syncing-sink.ts';
import type { SnapshotReader, SnapshotReceiver, SnapshotSection, StoredSnapshot } from './types.ts';

const SUFFIX = '.snap';
const PART_SUFFIX = '.part';
const NAME = /^([0-9]{16})-([0-9]{16})-([0-9a-f]{8})\.(snap|part)$/;

export interface SnapshotFile {
  readonly name: string;
  readonly index: LogIndex;
  readonly term: number;
  readonly checksum: number;
  readonly bytes: number;
  readonly isPart: boolean;
}

export interface SnapshotStoreOptions {
  readonly disk: Disk;
  readonly logger: Logger;
  readonly directory: string;
  /** Newest snapshots kept. */
  readonly kept: number;
}

export class SnapshotStore {
  readonly #options: SnapshotStoreOptions;
  readonly #files: Map<string, StoredSnapshot> = new Map();
  readonly #receiving: Set<string> = new Set();
  /** Files that are being read, and by how many. They stay until nobody reads them any more. */
  readonly #readers: Map<string, number> = new Map();
  #newest: StoredSnapshot | undefined;
  #saves = 0;
  #isClosed = false;

  constructor(options: SnapshotStoreOptions) {
    const { kept } = options;
    assert(Number.isSafeInteger(kept) && kept > 0, 'a snapshot is kept at least', { kept });
    this.#options = options;
  }

  /** Finds the snapshot in force. */
  async open(log: LogMemory): Promise<StoredSnapshot | undefined> {
    const { disk, logger, directory } = this.#options;
    let newest: StoredSnapshot | undefined;
    const strangers: string[] = [];
    for (const file of await listSnapshots(disk, directory)) {
      if (file.isPart) continue;
      const isOlder = file.index < log.base.index;
      if (!isInstalled(log, file)) {
        strangers.push(file.name);
        continue;
      }
      try {
        const stored = await describeFile(disk, directory, file);
        this.#files.set(file.name, stored);
        if (!isOlder) newest ??= stored;
      } catch (error) {
        // The one that is needed must be whole. Older ones are a reserve.
        if (!isOlder && newest === undefined) throw error;
        logger.warn('storage.old-snapshot-damaged', { file: file.name, error: String(error) });
      }
    }
    if (newest === undefined && log.base.index > 0) {
      throw corrupt(
        directory,
        undefined,
        `the log begins behind entry ${log.base.index}, and no snapshot that reaches as far is here`,
      );
    }
    // Only now: should the folder be refused, they may be what helps a person to mend it.
    for (const file of strangers) {
      logger.info('storage.snapshot-not-installed-removed', { file });
      await disk.remove(join(directory, file));
    }
    await disk.syncDirectory(directory);
    await this.#dropParts(newest?.index ?? 0);
    return newest;
  }

  has(stored: StoredSnapshot): boolean {
    const known = this.#files.get(nameOf(stored));
    return known !== undefined && known.bytes === stored.bytes;
  }

  async save(meta: SnapshotMeta, sections: readonly SnapshotSection[]): Promise<StoredSnapshot> {
    const { disk, directory } = this.#options;
    const temporary = join(directory, `save-${++this.#saves}${TEMPORARY_SUFFIX}`);
    try {
      // This node is further than what they would bring; they take room that this may need.
      await this.#dropParts(meta.index);
      await disk.remove(temporary);
      const file = await disk.open(temporary, 'create');
      const sink = new SyncingSink(disk, temporary, file);
      let written: { readonly bytes: number; readonly checksum: number };
      try {
        written = await writeSnapshot(sink, meta, sections);
        await file.sync();
      } finally {
        await file.close();
      }
      const { index, term, confState } = meta;
      const stored: StoredSnapshot = { index, term, confState, ...written };
      await this.#name(temporary, stored);
      return stored;
    } catch (error) {
      await this.#tryRemove(temporary);
      if (!(error instanceof DiskError)) throw error;
      throw diskFailure(`write the snapshot at ${meta.index}`, error);
    }
  }

  /** Nothing gets a name any more: the folder may be somebody else's by now. */
  close(): void {
    this.#isClosed = true;
  }

  async openReader(snapshot: StoredSnapshot): Promise<SnapshotReader> {
    const { disk, directory } = this.#options;
    if (!this.has(snapshot)) throw missing(snapshot.index);
    const name = nameOf(snapshot);
    this.#readers.set(name, (this.#readers.get(name) ?? 0) + 1);
    let opened: ByteSource | undefined;
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => {
      closing ??= this.#closeReader(name, opened);
      return closing;
    };
    try {
      opened = await openSource(disk, join(directory, name));
      const source = { ...opened, read: tellingReads(opened, snapshot.index), close };
      return new FileSnapshotReader(snapshot, source, await readLayout(source));
    } catch (error) {
      await close();
      throw unreadable(snapshot.index, error);
    }
  }

  async #closeReader(name: string, source: ByteSource | undefined): Promise<void> {
    try {
      await source?.close();
    } catch (error) {
      this.#options.logger.warn('storage.file-not-closed', { error: String(error) });
    }
    const left = (this.#readers.get(name) ?? 0) - 1;
    if (left > 0) {
      this.#readers.set(name, left);
      return;
    }
    this.#readers.delete(name);
    // It may have been superseded while it was read.
    if (this.#newest !== undefined && !this.#isClosed) await this.prune(this.#newest);
  }

  async receive(descriptor: Snapshot): Promise<SnapshotReceiver> {
    const { index, term, confState } = descriptor.metadata;
    const stored = { index, term, confState, ...decodeSnapshotDescriptor(descriptor.data) };
    if (this.has(stored)) return complete(stored);
    const name = partOf(stored);
    if (this.#receiving.has(name)) {
      throw new ClusterError(
        'TRANSFER_FAILED',
        `the snapshot at ${index} is being received already; try again when that transfer has ended`,
      );
    }
    this.#receiving.add(name);
    const path = join(this.#options.directory, name);
    try {
      await this.#makeRoom(path, stored.bytes);
      return await PartialSnapshot.open(this.#options.disk, path, stored, {
        finished: () => this.#finish(path, stored),
        spoiled: () => this.#tryRemove(path),
        closed: () => this.#receiving.delete(name),
      });
    } catch (error) {
      this.#receiving.delete(name);
      throw diskFailure(`receive the snapshot at ${index}`, error);
    }
  }

  /** The snapshot is in force and durable: drops older ones but for the reserve, and old transfers. */
  async prune(newest: StoredSnapshot): Promise<void> {
    const { disk, directory, logger, kept } = this.#options;
    this.#newest = newest;
    const inForce = nameOf(newest);
    // One of the same index, from another node, may be here, too, and lie before it or behind.
    const old = [...this.#files.values()]
      .filter((file) => file.index <= newest.index && nameOf(file) !== inForce)
      .sort((a, b) => b.index - a.index)
      .slice(kept - 1)
      .filter((file) => !this.#readers.has(nameOf(file)));
    try {
      for (const file of old) {
        this.#files.delete(nameOf(file));
        await disk.remove(join(directory, nameOf(file)));
      }
      await this.#dropParts(newest.index);
      if (old.length > 0) await disk.syncDirectory(directory);
    } catch (error) {
      logger.warn('storage.old-snapshot-not-removed', { error: String(error) });
    }
  }

  async discard(snapshot: StoredSnapshot): Promise<void> {
    this.#files.delete(nameOf(snapshot));
    await this.#tryRemove(join(this.#options.directory, nameOf(snapshot)));
  }

  async #finish(path: string, stored: StoredSnapshot): Promise<void> {
    const { disk } = this.#options;
    const source = await openSource(disk, path);
    let layout: SnapshotLayout;
    try {
      layout = await readLayout(source);
    } finally {
      await source.close();
    }
    const { index, term, confState } = stored;
    if (JSON.stringify(layout.meta) !== JSON.stringify(metaOf(index, term, confState))) {
      await this.#tryRemove(path);
      throw new ClusterError(
        'TRANSFER_FAILED',
        `the snapshot at ${index} arrived whole, but holds another state than its message says`,
      );
    }
    await this.#name(path, stored);
  }

  async #name(path: string, stored: StoredSnapshot): Promise<void> {
    if (this.#isClosed) throw closed();
    const { disk, directory } = this.#options;
    await disk.rename(path, join(directory, nameOf(stored)));
    await disk.syncDirectory(directory);
    this.#files.set(nameOf(stored), stored);
  }

  /** Transfers of snapshots that are not wanted any more. */
  async #dropParts(index: LogIndex): Promise<void> {
    const { disk, directory } = this.#options;
    for (const file of await listSnapshots(disk, directory)) {
      if (!file.isPart || file.index > index || this.#receiving.has(file.name)) continue;
      await disk.remove(join(directory, file.name));
    }
  }

  /**
   * Another transfer begins: what is left of earlier ones takes room that it may need. Some of it is kept,
   * for going on with, as long as there is room beside it: or a transfer that nobody goes on with, as its
   * sender is gone, would keep all others out.
   */
  async #makeRoom(path: string, bytes: number): Promise<void> {
    const { disk, directory } = this.#options;
    const idle = (await listSnapshots(disk, directory)).filter(
      (file) => file.isPart && !this.#receiving.has(file.name),
    );
    const kept = idle.slice(0, SNAPSHOT_PARTS_KEPT);
    const drop = async (files: readonly SnapshotFile[]): Promise<void> => {
      for (const file of files) await disk.remove(join(directory, file.name));
    };
    await drop(idle.slice(SNAPSHOT_PARTS_KEPT));
    try {
      await PartialSnapshot.checkRoom(disk, path, bytes);
    } catch (error) {
      const gained = kept.reduce((sum, file) => sum + file.bytes, 0);
      const missing = bytes - gained;
      await PartialSnapshot.checkRoom(disk, path, missing).catch(() => Promise.reject(error));
      await drop(kept);
      await PartialSnapshot.checkRoom(disk, path, bytes);
    }
  }

  async #tryRemove(path: string): Promise<void> {
    if (this.#isClosed) return;
    try {
      await this.#options.disk.remove(path);
    } catch (error) {
      this.#options.logger.warn('storage.temporary-file-left', { path, error: String(error) });
    }
  }
}

/** The file is here already, whole: nothing more is needed. */
function complete(stored: StoredSnapshot): SnapshotReceiver {
  return {
    received: stored.bytes,
    write: () => Promise.reject(transferFailed(stored.index, 'all of it is here already')),
    finish: () => Promise.resolve(stored),
    abort: () => Promise.resolve(),
  };
}

/** Whether the log says that the snapshot was in force once, or is. */
export function isInstalled(log: LogMemory, file: LogPosition): boolean {
  return file.index < log.base.index || log.matches(file);
}

/** All snapshot files of a folder, newest first. */
export async function listSnapshots(
  disk: Disk,
  directory: string,
): Promise<readonly SnapshotFile[]> {
  const found = (await disk.list(directory)).flatMap((info) => {
    const match = NAME.exec(info.name);
    if (match === null || info.kind !== 'file') return [];
    const [, index, term, checksum, suffix] = match;
    return [
      {
        name: info.name,
        index: Number(index),
        term: Number(term),
        checksum: Number.parseInt(checksum!, 16), // the pattern has it
        bytes: info.size,
        isPart: suffix === 'part',
      },
    ];
  });
  return found.sort((a, b) => b.index - a.index || b.term - a.term);
}

/** Reads both ends of the file and checks that it is what its name says. */
async function describeFile(
  disk: Disk,
  directory: string,
  file: SnapshotFile,
): Promise<StoredSnapshot> {
  const path = join(directory, file.name);
  const source = await openSource(disk, path);
  try {
    const { meta } = await readLayout(source);
    if (meta.index !== file.index || meta.term !== file.term) {
      throw corrupt(path, 0, `it is the snapshot at ${meta.index} of term ${meta.term}`);
    }
    return { ...meta, bytes: file.bytes, checksum: file.checksum };
  } finally {
    await source.close();
  }
}

async function openSource(disk: Disk, path: string): Promise<ByteSource> {
  const file = await disk.open(path, 'read');
  try {
    return sourceOf(file, path, await file.size());
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Who restores a state or sends it on is told of a fault in the words of the storage, not of the disk. */
function tellingReads(source: ByteSource, index: LogIndex): ByteSource['read'] {
  return async (position, length) => {
    try {
      return await source.read(position, length);
    } catch (error) {
      throw unreadable(index, error);
    }
  };
}

function unreadable(index: LogIndex, error: unknown): ClusterError {
  return diskFailure(`read the snapshot at ${index}`, error);
}

function nameOf(snapshot: StoredSnapshot): string {
  return snapshotStem(snapshot) + SUFFIX;
}

function partOf(snapshot: StoredSnapshot): string {
  return snapshotStem(snapshot) + PART_SUFFIX;
}

/** A file's name without its suffix. */
export function snapshotStem(
  snapshot: Pick<StoredSnapshot, 'index' | 'term' | 'checksum'>,
): string {
  const pad = (value: number): string => String(value).padStart(16, '0');
  return `${pad(snapshot.index)}-${pad(snapshot.term)}-${hex32(snapshot.checksum)}`;
}

export function isSameFile(one: StoredSnapshot, other: StoredSnapshot | undefined): boolean {
  if (other === undefined || one.index !== other.index || one.term !== other.term) return false;
  return one.bytes === other.bytes && one.checksum === other.checksum;
}

function metaOf(index: LogIndex, term: number, confState: SnapshotMeta['confState']): SnapshotMeta {
  const { voters, learners, votersOutgoing, learnersNext, autoLeave } = confState;
  return { index, term, confState: { voters, learners, votersOutgoing, learnersNext, autoLeave } };
}

function missing(index: LogIndex): ClusterError {
  return new ClusterError(
    'LOG_UNAVAILABLE',
    `no file of the snapshot at ${index} is here; it was removed or never finished`,
    { details: { index } },
  );
}
