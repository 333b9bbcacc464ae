/**
 * The door of storage/: the contract, the storage on disk, the storage in memory.
 *
 * @module quorate/storage
 */

export { checkStorageTuning } from './check-tuning.ts';
export {
  decodeSnapshotDescriptor,
  encodeSnapshotDescriptor,
  type SnapshotDescriptor,
} from './descriptor.ts';
export {
  DiskStorage,
  type DiskStorageOptions,
  type DiskStorageTuning,
  openDiskStorage,
} from './disk-storage.ts';
export {
  type DataFolderReport,
  inspect,
  type LogReport,
  type SegmentReport,
  type WitnessReport,
} from './inspect.ts';
export type { DamageReport } from './inspect-damage.ts';
export { inspectEntries } from './inspect-entries.ts';
export type { FactReport, LeftoverReport } from './inspect-files.ts';
export { readSnapshotSection } from './inspect-section.ts';
export type { SnapshotReport } from './inspect-snapshots.ts';
export { MemoryStorage, type MemoryStorageOptions } from './memory-storage.ts';
export type { TermRun } from './term-runs.ts';
export type {
  AppendBatch,
  Identity,
  SnapshotReader,
  SnapshotReceiver,
  SnapshotSection,
  Storage,
  StoredSnapshot,
} from './types.ts';
export type { TornTail } from './wal-scan.ts';
