/**
 * Storage: what a Raft node must not forget, and how it asks for it.
 *
 * One `Storage` belongs to one node and one data folder. Reads that the core makes (`LogStorage`) are
 * answered from memory; everything that touches the disk is a promise.
 *
 * The contract stands at the interface `Storage`; `conformance/` holds every storage to it.
 */
import type {
  ConfState,
  Entry,
  HardState,
  LogIndex,
  LogStorage,
  Snapshot,
  Term,
} from '../raft/index.ts';

/** What makes a data folder one node's own. Written once, when the folder is founded or joined. */
export interface Identity {
  /** For people; also in every handshake. */
  readonly clusterName: string;
  /** 32 hexadecimal digits, minted once for the cluster. */
  readonly clusterId: string;
  readonly nodeId: string;
  readonly raftId: number;
  /** 16 hexadecimal digits, minted for this data folder: a wiped node comes back with another one. */
  readonly incarnation: string;
}

/** Written together, in one record: they are all durable or none is. */
export interface AppendBatch {
  readonly hardState?: HardState;
  readonly entries: readonly Entry[];
}

/** A snapshot that lies on the disk whole, checked and named. */
export interface StoredSnapshot {
  readonly index: LogIndex;
  readonly term: Term;
  readonly confState: ConfState;
  /** Of the whole file, in bytes. */
  readonly bytes: number;
  /** CRC-32 of the whole file: two files with the same index, term, size and checksum are the same. */
  readonly checksum: number;
}

/** One part of a snapshot file: a name and a stream of bytes, checksummed on its own. */
export interface SnapshotSection {
  readonly name: string;
  readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** Reads a snapshot file that is whole. */
export interface SnapshotReader {
  readonly snapshot: StoredSnapshot;
  /** In the order in which they were written. `undefined`: there is no such section. */
  section(name: string): AsyncIterable<Uint8Array> | undefined;
  /** Any range of the raw file, for sending it to a peer. */
  read(position: number, length: number): Promise<Uint8Array>;
  /** Lets go of the file. Idempotent. */
  close(): Promise<void>;
}

/** Takes the raw file of a peer's snapshot, piece by piece. */
export interface SnapshotReceiver {
  /** Bytes that are here already (of an earlier, broken transfer): go on from there. */
  readonly received: number;
  /**
   * The next bytes of the file, from `received` on. They must not change until it settles.
   * @throws ClusterError DISK_FULL, DISK_FAILED.
   */
  write(chunk: Uint8Array): Promise<void>;
  /** Syncs, checks every checksum against the descriptor, and names the file. Does not touch the log yet. */
  finish(): Promise<StoredSnapshot>;
  /** Gives up for now; what was received may be kept for a later attempt. */
  abort(): Promise<void>;
}

/**
 * What a node must not forget.
 *
 * - `append` calls take effect in the order in which they are made; each resolves when its batch is
 *   durable. Several that wait at the same time share one write and one sync (group commit). What an
 *   `append` holds is visible to `term`, `entries` and `lastIndex` at once, when the call returns.
 * - Entries that overlap the log's tail replace it from their first index on. A gap is refused.
 * - After a failed write or sync of the log or of a fact the storage is finished: that call and every
 *   later one reject with DISK_FAILED or DISK_FULL, and nothing is retried on the same file. `failure`
 *   says so too. A snapshot that can not be written rejects with the same codes and ends nothing:
 *   nothing that was promised rests on it.
 * - Whatever resolved is there after any crash; what did not may be there, in whole batches, in order.
 */
export interface Storage extends LogStorage {
  /** `undefined` for a fresh folder: call `found` before anything else is written. */
  readonly identity: Identity | undefined;
  /** Index of the newest durable entry; what is above it was appended but is not synced yet. */
  readonly durableIndex: LogIndex;
  /** Set once a write or sync has failed; nothing is stored any more. */
  readonly failure: Error | undefined;
  /** Called once, when `failure` is set. */
  onFailure(callback: (error: Error) => void): void;

  /** Makes the identity durable. @throws DATA_DIR_MISMATCH when there is another one. */
  found(identity: Identity): Promise<void>;

  /**
   * Durable on resolve. Entries that overlap the log's end replace it from their first index on.
   * @throws ClusterError LOG_OUT_OF_ORDER for a gap; DISK_FULL, DISK_FAILED, after which the
   * storage is finished.
   */
  append(batch: AppendBatch): Promise<void>;
  /**
   * Brings entries `[lo, hi)` (at most about `maxBytes`) into memory for the next `entries` call. Resolves
   * too when they are not in the log any more: that call says what became of them.
   * @throws ClusterError DATA_CORRUPT when they are damaged, DISK_FAILED.
   */
  load(lo: LogIndex, hi: LogIndex, maxBytes: number): Promise<void>;

  /**
   * Writes a snapshot of the state at `index`: temporary file, sync, rename, sync of the directory. It
   * resolves when it would survive a power cut: not before the entries up to `index` are durable, if
   * the log holds them. A snapshot that lies beyond the log is not in force before it is installed.
   */
  saveSnapshot(
    at: { readonly index: LogIndex; readonly term: Term; readonly confState: ConfState },
    sections: readonly SnapshotSection[],
  ): Promise<StoredSnapshot>;
  /** Newest snapshot on disk. `LogStorage.snapshot()` offers the same, as a descriptor in `data`. */
  readonly newestSnapshot: StoredSnapshot | undefined;
  /**
   * Opens a snapshot for reading; `close` the reader. Rejects when a newer one has pushed it out.
   */
  openSnapshot(snapshot: StoredSnapshot): Promise<SnapshotReader>;
  /** Receives the file that `descriptor` (the `data` of a Snapshot message) announces. */
  receiveSnapshot(descriptor: Snapshot): Promise<SnapshotReceiver>;
  /**
   * Makes a received snapshot the beginning of the log, together with `hardState`: entries that it
   * covers, or that do not follow on it, are gone. Durable on resolve, in one step.
   */
  installSnapshot(snapshot: Snapshot, hardState: HardState | undefined): Promise<void>;
  /** Frees entries up to and including `index`, whole segments at a time; the term of `index` is kept. */
  compact(index: LogIndex): Promise<void>;

  /** Small facts of the node's own (peers' incarnations, for instance), each replaced as a whole, durable on resolve. */
  readFact(name: string): Promise<Uint8Array | undefined>;
  /** Replaces a fact; durable on resolve. The name: letters, digits, dots and dashes. */
  writeFact(name: string, value: Uint8Array): Promise<void>;

  /** Waits for appends under way, then closes and unlocks. Idempotent. */
  close(): Promise<void>;
}
