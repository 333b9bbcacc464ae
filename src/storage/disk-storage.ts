/**
 * The storage on disk: one data folder, locked for one process.
 *
 *     IDENTITY     whose folder it is (small-file.ts)
 *     WITNESS      how far the log once went (witness.ts)
 *     wal/         the log: segments of records (record.ts, segment.ts, wal.ts)
 *     snap/        snapshot files, and transfers that are under way (snapshot-store.ts)
 *     facts/       small facts of the node's own
 *
 * What is asked of the log is answered from memory (`LogMemory`), which changes in the same turn of the
 * loop in which it is told to; the log on disk follows in the same order. So a call that was made
 * after another one sees its effect, and no crash can make them durable the other way round.
 *
 * An install is one step: the snapshot's file lies there whole and named before, and one record in the
 * log says that the log begins with it, with the hard state that goes along. A crash before that record
 * leaves the old log with the old snapshot, a crash after it the new ones (NASTY 36).
 *
 * After a failed write or sync nothing is written any more. Whoever waits is told, and the operator is
 * told what to do; the folder is opened again only by a new process, which reads what really is there.
 */
import { join } from 'node:path';
import { assert, ClusterError } from '../errors.ts';
import { STORAGE_READ_BYTES, WAL_SEGMENT_BYTES } from '../limits.ts';
import {
  type ConfState,
  EMPTY_CONF_STATE,
  type Entry,
  type HardState,
  type LogIndex,
  type Snapshot,
  type Term,
} from '../raft/index.ts';
import type { Clock, DirectoryLock, Disk, Logger, Random } from '../world/index.ts';
import { checkStorageTuning } from './check-tuning.ts';
import { dataFolders, type FolderContents, readDataFolder } from './data-folder.ts';
import { decodeSnapshotDescriptor, encodeSnapshotDescriptor } from './descriptor.ts';
import { writeIdentity } from './identity-file.ts';
import { checkCompaction, checkInstall, checkSave } from './judge.ts';
import { loadEntries } from './log-loader.ts';
import type { LogMemory, LogPosition } from './log-memory.ts';
import type { Segment } from './segment.ts';
import { readSmallFile, writeSmallFile } from './small-file.ts';
import { isSameFile, type SnapshotStore } from './snapshot-store.ts';
import { closed, diskFailure, openFailure } from './storage-errors.ts';
import type {
  AppendBatch,
  Identity,
  SnapshotReader,
  SnapshotReceiver,
  SnapshotSection,
  Storage,
  StoredSnapshot,
} from './types.ts';
import { Wal } from './wal.ts';
import type { LogScan } from './wal-scan.ts';
import { type LogReach, Witness } from './witness.ts';

/** Sizes that suit most machines as they are. */
export interface DiskStorageTuning {
  /** Largest segment of the log; at most 2 GiB. */
  readonly segmentBytes?: number;
  /** Recent entries kept in memory; what is not synced yet is kept beyond it. */
  readonly cacheBytes?: number;
  /** Entries read back for slow followers. */
  readonly readCacheBytes?: number;
  /** Newest snapshots kept. */
  readonly snapshotsKept?: number;
}

/** Where the folder is, and the doors to the world. */
export interface DiskStorageOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly directory: string;
  readonly options?: DiskStorageTuning;
}

const FACT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const FACT_SUFFIX = '.fact';

/**
 * Opens a data folder, or makes a fresh one.
 * @throws ClusterError DATA_DIR_IN_USE, DATA_DIR_UNUSABLE, DATA_DIR_FORMAT, DATA_CORRUPT, DISK_FULL,
 * DISK_FAILED, CONFIG_INVALID.
 */
export async function openDiskStorage(options: DiskStorageOptions): Promise<DiskStorage> {
  const { disk, directory } = options;
  checkStorageTuning(options.options);
  let lock: DirectoryLock | undefined;
  try {
    await disk.makeDirectory(directory);
    lock = await disk.lock(directory);
    return await DiskStorage.openLocked(options, lock);
  } catch (error) {
    await lock?.release();
    throw openFailure(directory, error);
  }
}

export class DiskStorage implements Storage {
  readonly #options: DiskStorageOptions;
  readonly #lock: DirectoryLock;
  readonly #log: LogMemory;
  readonly #snapshots: SnapshotStore;
  readonly #witness: Witness;
  readonly #failureCallbacks: ((error: Error) => void)[] = [];
  #wal: Wal | undefined;
  #identity: Identity | undefined;
  #newest: StoredSnapshot | undefined;
  #failure: ClusterError | undefined;
  #closing: Promise<void> | undefined;
  /** Removals of segments that are under way. */
  #tidying: Promise<void> = Promise.resolve();
  /** Small files are written one after the other. */
  #smallFiles: Promise<void> = Promise.resolve();

  private constructor(options: DiskStorageOptions, lock: DirectoryLock, contents: FolderContents) {
    this.#options = options;
    this.#lock = lock;
    this.#identity = contents.identity;
    this.#log = contents.log;
    this.#snapshots = contents.snapshots;
    this.#newest = contents.newest;
    this.#witness = new Witness(options, contents.testimony);
  }

  /** For `openDiskStorage`: the folder is there and locked. */
  static async openLocked(options: DiskStorageOptions, lock: DirectoryLock): Promise<DiskStorage> {
    const contents = await readDataFolder(options);
    const storage = new DiskStorage(options, lock, contents);
    await storage.#start(contents.scan);
    return storage;
  }

  // ---- LogStorage -------------------------------------------------------------------------------

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    const confState = this.#newest?.confState ?? EMPTY_CONF_STATE;
    return { hardState: this.#log.hardState, confState };
  }

  firstIndex(): LogIndex {
    return this.#log.firstIndex;
  }

  lastIndex(): LogIndex {
    return this.#log.lastIndex;
  }

  term(index: LogIndex): Term {
    return this.#log.term(index);
  }

  entries(lo: LogIndex, hi: LogIndex, maxBytes: number): readonly Entry[] | undefined {
    return this.#log.entries(lo, hi, maxBytes);
  }

  snapshot(): Snapshot | undefined {
    const newest = this.#newest;
    if (newest === undefined) return undefined;
    const { index, term, confState } = newest;
    return { metadata: { index, term, confState }, data: encodeSnapshotDescriptor(newest) };
  }

  // ---- Storage ----------------------------------------------------------------------------------

  get identity(): Identity | undefined {
    return this.#identity;
  }

  get durableIndex(): LogIndex {
    return this.#log.durable;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  get newestSnapshot(): StoredSnapshot | undefined {
    return this.#newest;
  }

  onFailure(callback: (error: Error) => void): void {
    this.#failureCallbacks.push(callback);
  }

  async found(identity: Identity): Promise<void> {
    this.#alive();
    const { disk, directory } = this.#options;
    const known = this.#identity;
    if (known !== undefined) {
      throw new ClusterError(
        'DATA_DIR_MISMATCH',
        `the data folder ${directory} belongs to node "${known.nodeId}" of cluster "${known.clusterName}" already; give node "${identity.nodeId}" an empty one`,
        { details: { directory, nodeId: known.nodeId, clusterName: known.clusterName } },
      );
    }
    this.#identity = identity;
    await this.#writeSmall('write the identity', () => writeIdentity(disk, directory, identity));
  }

  async append(batch: AppendBatch): Promise<void> {
    const wal = this.#founded();
    const before = this.#log.hardState;
    const state = batch.hardState;
    const entries = this.#log.check(batch.entries, state);
    this.#log.append(entries, state);
    const isStateSilent =
      state === undefined || (state.term === before.term && state.vote === before.vote);
    await wal.append(entries, state, entries.length === 0 && isStateSilent);
  }

  async load(lo: LogIndex, hi: LogIndex, maxBytes: number): Promise<void> {
    const wal = this.#alive();
    if (!this.#isMissing(lo, hi)) return;
    try {
      await loadEntries(wal, this.#log, lo, hi, maxBytes);
    } catch (error) {
      // A compaction may have overtaken the read and removed the segment; `entries` will say so.
      if (!this.#isMissing(lo, hi)) return;
      throw diskFailure(`read entries ${lo} to ${hi - 1} from the log`, error);
    }
  }

  async saveSnapshot(
    at: { readonly index: LogIndex; readonly term: Term; readonly confState: ConfState },
    sections: readonly SnapshotSection[],
  ): Promise<StoredSnapshot> {
    const wal = this.#alive();
    checkSave(this.#log, at, this.#newest);
    const stored = await this.#snapshots.save(at, sections);
    try {
      await this.#untilDurable(wal, at);
      this.#alive();
      // A newer one may have been installed meanwhile.
      checkSave(this.#log, at, this.#newest);
    } catch (error) {
      // Who was faster may have written the very same file: that one is in force.
      if (!isSameFile(stored, this.#newest)) await this.#snapshots.discard(stored);
      throw error;
    }
    if (!this.#log.matches(at)) return stored;
    this.#newest = stored;
    await this.#witness.note();
    await this.#snapshots.prune(stored);
    return stored;
  }

  openSnapshot(snapshot: StoredSnapshot): Promise<SnapshotReader> {
    return this.#snapshots.openReader(snapshot);
  }

  async receiveSnapshot(descriptor: Snapshot): Promise<SnapshotReceiver> {
    this.#alive();
    return this.#snapshots.receive(descriptor);
  }

  async installSnapshot(snapshot: Snapshot, hardState: HardState | undefined): Promise<void> {
    const wal = this.#founded();
    const { index, term, confState } = snapshot.metadata;
    checkInstall(snapshot, hardState, this.#newest, this.#log);
    const stored = { index, term, confState, ...decodeSnapshotDescriptor(snapshot.data) };
    assert(this.#snapshots.has(stored), 'a snapshot must be received before it is installed', {
      index,
      term,
    });
    const keepsTail = this.#log.install({ index, term }, hardState);
    this.#newest = stored;
    await wal.mark({ index, term, keepsTail }, this.#log.hardState);
    await this.#witness.note();
    await this.#removeThrough(wal, index);
    await this.#snapshots.prune(stored);
  }

  async compact(index: LogIndex): Promise<void> {
    const wal = this.#founded();
    checkCompaction(this.#log, index, this.#newest);
    this.#log.compact(index);
    await wal.mark({ ...this.#log.base, keepsTail: true }, undefined);
    await this.#removeThrough(wal, index);
  }

  async readFact(name: string): Promise<Uint8Array | undefined> {
    this.#alive();
    const path = join(dataFolders(this.#options.directory).facts, factFile(name));
    try {
      return await readSmallFile(this.#options.disk, path);
    } catch (error) {
      throw diskFailure(`read the fact "${name}"`, error);
    }
  }

  async writeFact(name: string, value: Uint8Array): Promise<void> {
    this.#alive();
    const { disk, directory } = this.#options;
    const copy = Uint8Array.from(value);
    await this.#writeSmall(`write the fact "${name}"`, () =>
      writeSmallFile(disk, dataFolders(directory).facts, factFile(name), copy),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  // ---- inside -----------------------------------------------------------------------------------

  async #start(scan: LogScan): Promise<void> {
    const { directory, options } = this.#options;
    const segmentBytes = options?.segmentBytes ?? WAL_SEGMENT_BYTES;
    const wal = await Wal.open(
      { ...this.#options, directory: dataFolders(directory).wal, segmentBytes },
      {
        durable: (index) => this.#log.setDurable(index),
        written: (segment, isPromise) => this.#witness.reached(reachOf(segment), isPromise),
        witnessed: () => this.#witness.note(),
        failed: (error) => this.#fail(error),
      },
      scan,
    );
    try {
      // What a crash of an earlier open has left behind.
      await wal.removeThrough(this.#log.base.index);
      await this.#warm(wal);
    } catch (error) {
      await wal.abandon();
      throw error;
    }
    this.#wal = wal;
    this.#witness.reached(reachOf(wal.index.active), false);
  }

  /** The newest entries are what peers and the state machine ask for first. */
  async #warm(wal: Wal): Promise<void> {
    const found = wal.index.find(this.#log.lastIndex);
    if (found === undefined) return;
    const { table } = found.segment;
    let { record } = found;
    const end = table.offset(record) + table.size(record);
    while (record > 0 && end - table.offset(record - 1) <= STORAGE_READ_BYTES) record--;
    const lo = Math.max(table.first(record), this.#log.firstIndex);
    if (lo > this.#log.lastIndex) return;
    await loadEntries(wal, this.#log, lo, this.#log.lastIndex + 1, STORAGE_READ_BYTES);
  }

  async #close(): Promise<void> {
    this.#witness.closing();
    await this.#smallFiles;
    this.#snapshots.close();
    try {
      await this.#wal?.close();
      await this.#witness.close();
    } finally {
      // Or the next one to open the folder finds files that vanish while it reads them.
      await this.#tidying;
      await this.#lock.release();
    }
  }

  /**
   * A snapshot of entries that are not durable would not outlive a power cut: its file would lie beyond
   * the log, as one does whose install never ended; and what it was to replace would be gone by then.
   */
  async #untilDurable(wal: Wal, at: LogPosition): Promise<void> {
    // What waits may be replaced meanwhile, and wait again. A silent step settles with those before it.
    while (this.#log.matches(at) && this.#log.durable < at.index) {
      await wal.append([], undefined, true);
    }
  }

  /** The entry at `lo` is in the log and not in memory. */
  #isMissing(lo: LogIndex, hi: LogIndex): boolean {
    if (lo < this.#log.firstIndex || lo > this.#log.lastIndex || lo >= hi) return false;
    return this.#log.entries(lo, lo + 1, 0) === undefined;
  }

  #alive(): Wal {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing !== undefined || this.#wal === undefined) throw closed();
    return this.#wal;
  }

  #founded(): Wal {
    const wal = this.#alive();
    assert(
      this.#identity !== undefined,
      'a fresh data folder must be founded before it is written',
    );
    return wal;
  }

  #removeThrough(wal: Wal, index: LogIndex): Promise<void> {
    const done = this.#tidy(wal, index);
    this.#tidying = Promise.all([this.#tidying, done]).then(() => {});
    return done;
  }

  async #tidy(wal: Wal, index: LogIndex): Promise<void> {
    try {
      const segments = await wal.removeThrough(index);
      this.#options.logger.debug('storage.compacted', { index, segments });
    } catch (error) {
      // They are not needed any more, only in the way. The next open tries again.
      this.#options.logger.warn('storage.segments-not-removed', { index, error: String(error) });
    }
  }

  async #writeSmall(doing: string, write: () => Promise<void>): Promise<void> {
    const done = this.#smallFiles.then(() => {
      if (this.#failure !== undefined) throw this.#failure;
      return write();
    });
    this.#smallFiles = done.catch(() => {});
    try {
      await done;
    } catch (error) {
      if (error instanceof ClusterError) throw error;
      const failure = diskFailure(doing, error);
      this.#fail(failure);
      throw failure;
    }
  }

  #fail(error: ClusterError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#witness.stop();
    this.#wal?.fail(error);
    // Whoever uses the storage is told, and says it once for all.
    this.#options.logger.debug('storage.failed', { code: error.code, error: error.message });
    for (const callback of this.#failureCallbacks) queueMicrotask(() => callback(error));
  }
}

function reachOf({ sequence, generation, end }: Segment): LogReach {
  return { sequence, generation, end };
}

function factFile(name: string): string {
  assert(FACT_NAME.test(name), 'a fact needs a name of letters, digits, dots and dashes', { name });
  return `${name}${FACT_SUFFIX}`;
}
