/** The door of storage/: the contract, the storage on disk, the storage in memory. */

export {
  decodeSnapshotDescriptor,
  encodeSnapshotDescriptor,
  type SnapshotDescriptor,
} from './descriptor.ts';
export { type DiskStorage, type DiskStorageOptions, openDiskStorage } from './disk-storage.ts';
export { type DataFolderReport, inspect } from './inspect.ts';
export { MemoryStorage, type MemoryStorageOptions } from './memory-storage.ts';
export type {
  AppendBatch,
  Identity,
  SnapshotReader,
  SnapshotReceiver,
  SnapshotSection,
  Storage,
  StoredSnapshot,
} from './types.ts';
