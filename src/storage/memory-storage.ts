/**
 * A storage without a disk, for tests and for the simulator's fast runs: the same contract and the
 * same judgement as `DiskStorage` (both rest on `LogMemory`), durable on the next turn of the loop, or
 * only when the test says so.
 *
 * Hooks for tests: `hold` keeps batches undurable until `release`; `failNext` makes the next write
 * fail as a disk would, for good; `crash` answers with the storage that a power cut would leave.
 */
import { crc32 } from 'node:zlib';
import { assert, ClusterError } from '../errors.ts';
import { LOG_READ_CACHE_BYTES } from '../limits.ts';
import {
  type ConfState,
  EMPTY_CONF_STATE,
  type Entry,
  type HardState,
  type LogIndex,
  type Snapshot,
  type Term,
} from '../raft/index.ts';
import { decodeSnapshotDescriptor, encodeSnapshotDescriptor } from './descriptor.ts';
import { checkCompaction, checkInstall, checkSave } from './judge.ts';
import { EMPTY_HARD_STATE, LogMemory, type LogPosition } from './log-memory.ts';
import { type ByteSource, FileSnapshotReader, readLayout } from './snapshot-reader.ts';
import { writeSnapshot } from './snapshot-writer.ts';
import { closed, diskFailure } from './storage-errors.ts';
import type {
  AppendBatch,
  Identity,
  SnapshotReader,
  SnapshotReceiver,
  SnapshotSection,
  Storage,
  StoredSnapshot,
} from './types.ts';

interface SnapshotFile {
  readonly stored: StoredSnapshot;
  readonly bytes: Buffer;
}

/** One step of the log that is not durable yet. */
interface PendingWrite {
  readonly apply: (log: LogMemory) => void;
  readonly durable: LogPosition | undefined;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What a storage in memory begins with. */
export interface MemoryStorageOptions {
  readonly identity?: Identity;
}

interface Durable {
  readonly log: LogMemory;
  readonly files: Map<string, SnapshotFile>;
  readonly facts: Map<string, Uint8Array>;
  readonly identity: Identity | undefined;
}

export class MemoryStorage implements Storage {
  readonly #log: LogMemory;
  /** What a crash would leave: the same steps, taken when they became durable. */
  readonly #durableLog: LogMemory;
  readonly #files: Map<string, SnapshotFile>;
  readonly #partial: Map<string, Buffer> = new Map();
  readonly #facts: Map<string, Uint8Array>;
  readonly #failureCallbacks: ((error: Error) => void)[] = [];
  #queue: PendingWrite[] = [];
  #identity: Identity | undefined;
  #newest: SnapshotFile | undefined;
  #failure: Error | undefined;
  #nextFailure: Error | undefined;
  #held = false;
  #scheduled = false;
  #closed = false;

  constructor(options: MemoryStorageOptions = {}, durable?: Durable) {
    this.#log = copyOf(durable?.log);
    this.#durableLog = copyOf(durable?.log);
    this.#files = new Map(durable?.files ?? []);
    this.#facts = new Map(durable?.facts ?? []);
    this.#identity = durable?.identity ?? options.identity;
    for (const file of this.#files.values()) {
      if (this.#log.matches(file.stored)) this.#offer(file);
    }
  }

  // ---- hooks for tests --------------------------------------------------------------------------

  /** From now on nothing becomes durable until `release`. */
  hold(): void {
    this.#held = true;
  }

  /** Lets the oldest `count` waiting steps become durable (all, and those to come, when left out). */
  release(count?: number): void {
    if (count === undefined) this.#held = false;
    this.#complete(this.#queue.splice(0, count ?? this.#queue.length));
  }

  /** Appends, installs and compactions that are not durable yet. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** The next step fails like a disk that is full or broken; everything later fails with it. */
  failNext(cause: Error): void {
    this.#nextFailure = cause;
  }

  /** What a power cut would leave. This storage is dead afterwards: its promises do not settle. */
  crash(): MemoryStorage {
    this.#queue = [];
    this.#held = true;
    this.#closed = true;
    return new MemoryStorage(
      {},
      {
        log: this.#durableLog,
        files: this.#files,
        facts: this.#facts,
        identity: this.#identity,
      },
    );
  }

  // ---- LogStorage -------------------------------------------------------------------------------

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return {
      hardState: this.#log.hardState,
      confState: this.#newest?.stored.confState ?? EMPTY_CONF_STATE,
    };
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
    if (this.#newest === undefined) return undefined;
    const { index, term, confState } = this.#newest.stored;
    return {
      metadata: { index, term, confState },
      data: encodeSnapshotDescriptor(this.#newest.stored),
    };
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
    return this.#newest?.stored;
  }

  onFailure(callback: (error: Error) => void): void {
    this.#failureCallbacks.push(callback);
  }

  async found(identity: Identity): Promise<void> {
    this.#alive();
    if (this.#identity !== undefined) {
      throw new ClusterError(
        'DATA_DIR_MISMATCH',
        `this storage belongs to node "${this.#identity.nodeId}" of cluster "${this.#identity.clusterName}" already`,
      );
    }
    this.#identity = identity;
  }

  async append(batch: AppendBatch): Promise<void> {
    this.#alive();
    const before = this.#log.hardState;
    const entries = this.#log.check(batch.entries, batch.hardState);
    this.#log.append(entries, batch.hardState);
    const state = batch.hardState;
    const isLazy =
      entries.length === 0 &&
      (state === undefined || (state.term === before.term && state.vote === before.vote));
    if (isLazy && this.#queue.length === 0) {
      if (state !== undefined) this.#durableLog.append([], state);
      return;
    }
    const last = entries[entries.length - 1];
    await this.#enqueue((log) => log.append(entries, state), last);
  }

  /** Everything is in memory already. */
  async load(_lo: LogIndex, _hi: LogIndex, _maxBytes: number): Promise<void> {
    this.#alive();
  }

  async saveSnapshot(
    at: { readonly index: LogIndex; readonly term: Term; readonly confState: ConfState },
    sections: readonly SnapshotSection[],
  ): Promise<StoredSnapshot> {
    this.#alive();
    checkSave(this.#log, at, this.newestSnapshot);
    const pieces: Uint8Array[] = [];
    const sink = {
      async write(_position: number, chunks: readonly Uint8Array[]): Promise<void> {
        pieces.push(Buffer.concat(chunks));
      },
    };
    const written = await writeSnapshot(sink, at, sections);
    // Not before the entries that it covers: a crash would leave it beyond the log.
    while (this.#log.matches(at) && this.#log.durable < at.index) {
      await this.#enqueue(() => {}, undefined);
    }
    this.#alive();
    checkSave(this.#log, at, this.newestSnapshot);
    const { index, term, confState } = at;
    const file = { stored: { index, term, confState, ...written }, bytes: Buffer.concat(pieces) };
    this.#files.set(keyOf(file.stored), file);
    if (this.#log.matches(at)) this.#offer(file);
    return file.stored;
  }

  async openSnapshot(snapshot: StoredSnapshot): Promise<SnapshotReader> {
    this.#alive();
    const file = this.#files.get(keyOf(snapshot));
    if (file === undefined) throw gone(snapshot.index);
    const source = sourceOf(file.bytes);
    return new FileSnapshotReader(file.stored, source, await readLayout(source));
  }

  async receiveSnapshot(descriptor: Snapshot): Promise<SnapshotReceiver> {
    this.#alive();
    const { index, term, confState } = descriptor.metadata;
    const stored = { index, term, confState, ...decodeSnapshotDescriptor(descriptor.data) };
    const key = keyOf(stored);
    let bytes = this.#files.get(key)?.bytes ?? this.#partial.get(key) ?? Buffer.alloc(0);
    return {
      received: bytes.length,
      write: async (chunk: Uint8Array): Promise<void> => {
        bytes = Buffer.concat([bytes, chunk]);
        this.#partial.set(key, bytes);
      },
      finish: async (): Promise<StoredSnapshot> => {
        this.#partial.delete(key);
        if (bytes.length !== stored.bytes || crc32(bytes) !== stored.checksum) {
          throw new ClusterError(
            'TRANSFER_FAILED',
            `the snapshot at ${index} arrived with ${bytes.length} bytes that do not match its descriptor`,
          );
        }
        this.#files.set(key, { stored, bytes });
        return stored;
      },
      abort: async (): Promise<void> => {},
    };
  }

  async installSnapshot(snapshot: Snapshot, hardState: HardState | undefined): Promise<void> {
    this.#alive();
    const { index, term, confState } = snapshot.metadata;
    checkInstall(snapshot, hardState, this.newestSnapshot, this.#log);
    const stored = { index, term, confState, ...decodeSnapshotDescriptor(snapshot.data) };
    const file = this.#files.get(keyOf(stored));
    if (file === undefined) throw gone(index);
    this.#log.install({ index, term }, hardState);
    this.#offer(file);
    const at = { index, term };
    await this.#enqueue((log) => log.install(at, hardState), at);
  }

  async compact(index: LogIndex): Promise<void> {
    this.#alive();
    checkCompaction(this.#log, index, this.newestSnapshot);
    this.#log.compact(index);
    await this.#enqueue((log) => log.compact(index), undefined);
  }

  async readFact(name: string): Promise<Uint8Array | undefined> {
    this.#alive();
    return this.#facts.get(name);
  }

  async writeFact(name: string, value: Uint8Array): Promise<void> {
    this.#alive();
    this.#facts.set(name, Uint8Array.from(value));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.release();
  }

  // ---- inside -----------------------------------------------------------------------------------

  #alive(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw closed();
  }

  #offer(file: SnapshotFile): void {
    if (this.#newest === undefined || file.stored.index >= this.#newest.stored.index) {
      this.#newest = file;
    }
  }

  #enqueue(apply: (log: LogMemory) => void, durable: LogPosition | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ apply, durable, resolve, reject });
      if (this.#held || this.#scheduled) return;
      this.#scheduled = true;
      queueMicrotask(() => {
        this.#scheduled = false;
        if (!this.#held) this.#complete(this.#queue.splice(0));
      });
    });
  }

  #complete(writes: readonly PendingWrite[]): void {
    if (writes.length === 0) return;
    if (this.#nextFailure !== undefined) this.#fail(this.#nextFailure, writes);
    if (this.#failure !== undefined) return;
    for (const write of writes) {
      write.apply(this.#durableLog);
      const last = write.durable;
      // An entry that was replaced in memory meanwhile is not what became durable.
      if (last !== undefined) this.#log.setDurable(this.#agreedUpTo(last.index));
      write.resolve();
    }
  }

  /** The newest index up to which memory and the durable log are the same, not above `index`. */
  #agreedUpTo(index: LogIndex): LogIndex {
    let agreed = Math.min(index, this.#log.lastIndex, this.#durableLog.lastIndex);
    while (agreed > this.#log.base.index && !this.#isSame(agreed)) agreed--;
    return agreed;
  }

  #isSame(index: LogIndex): boolean {
    if (index <= this.#durableLog.base.index) return true;
    return this.#log.term(index) === this.#durableLog.term(index);
  }

  #fail(cause: Error, writes: readonly PendingWrite[]): void {
    const failure = diskFailure('append to the log', cause);
    this.#failure = failure;
    for (const write of [...writes, ...this.#queue.splice(0)]) write.reject(failure);
    for (const callback of this.#failureCallbacks) queueMicrotask(() => callback(failure));
  }
}

function copyOf(log: LogMemory | undefined): LogMemory {
  const bounds = { cacheBytes: Number.MAX_SAFE_INTEGER, readCacheBytes: LOG_READ_CACHE_BYTES };
  if (log === undefined) {
    const base = { index: 0, term: 0 };
    return new LogMemory(bounds, { base, last: 0, runs: [], hardState: EMPTY_HARD_STATE });
  }
  const base = log.base;
  const contents = { base, last: base.index, runs: [], hardState: EMPTY_HARD_STATE };
  const copy = new LogMemory(bounds, contents);
  if (log.lastIndex > base.index) {
    const entries = log.entries(log.firstIndex, log.lastIndex + 1, Number.MAX_SAFE_INTEGER);
    assert(entries !== undefined, 'a storage in memory holds all of its entries');
    copy.append(entries, undefined);
  }
  copy.append([], log.hardState);
  copy.setDurable(copy.lastIndex);
  return copy;
}

function keyOf(snapshot: StoredSnapshot): string {
  return `${snapshot.index}-${snapshot.term}-${snapshot.bytes}-${snapshot.checksum}`;
}

function sourceOf(bytes: Buffer): ByteSource {
  return {
    path: 'snapshot in memory',
    bytes: bytes.length,
    async read(position: number, length: number): Promise<Uint8Array> {
      return bytes.subarray(position, position + length);
    },
    async close(): Promise<void> {},
  };
}

function gone(index: LogIndex): ClusterError {
  return new ClusterError('LOG_UNAVAILABLE', `no file of the snapshot at ${index} is here`, {
    details: { index },
  });
}
