import type { ConfState, Entry, HardState, LogIndex, Snapshot, Term } from '../raft/index.ts';
import type { Clock, Disk, Logger, Random } from '../world/index.ts';
import type {
  AppendBatch,
  Identity,
  SnapshotReader,
  SnapshotReceiver,
  SnapshotSection,
  Storage,
  StoredSnapshot,
} from './types.ts';

export interface DiskStorageOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly directory: string;
  readonly options?: DiskStorageTuning;
}

export interface DiskStorageTuning {
  /** Largest segment of the log. */
  readonly segmentBytes?: number;
  /** Recent entries kept in memory. */
  readonly cacheBytes?: number;
  /** Entries read back for slow followers. */
  readonly readCacheBytes?: number;
  /** Newest snapshots kept. */
  readonly snapshotsKept?: number;
}

export async function openDiskStorage(_options: DiskStorageOptions): Promise<DiskStorage> {
  throw new Error('not built yet');
}

export declare class DiskStorage implements Storage {
  readonly identity: Identity | undefined;
  readonly durableIndex: LogIndex;
  readonly failure: Error | undefined;
  readonly newestSnapshot: StoredSnapshot | undefined;
  initialState(): { readonly hardState: HardState; readonly confState: ConfState };
  firstIndex(): LogIndex;
  lastIndex(): LogIndex;
  term(index: LogIndex): Term;
  entries(lo: LogIndex, hi: LogIndex, maxBytes: number): readonly Entry[] | undefined;
  snapshot(): Snapshot | undefined;
  onFailure(callback: (error: Error) => void): void;
  found(identity: Identity): Promise<void>;
  append(batch: AppendBatch): Promise<void>;
  load(lo: LogIndex, hi: LogIndex, maxBytes: number): Promise<void>;
  saveSnapshot(
    at: { readonly index: LogIndex; readonly term: Term; readonly confState: ConfState },
    sections: readonly SnapshotSection[],
  ): Promise<StoredSnapshot>;
  openSnapshot(snapshot: StoredSnapshot): Promise<SnapshotReader>;
  receiveSnapshot(descriptor: Snapshot): Promise<SnapshotReceiver>;
  installSnapshot(snapshot: Snapshot, hardState: HardState | undefined): Promise<void>;
  compact(index: LogIndex): Promise<void>;
  readFact(name: string): Promise<Uint8Array | undefined>;
  writeFact(name: string, value: Uint8Array): Promise<void>;
  close(): Promise<void>;
}
