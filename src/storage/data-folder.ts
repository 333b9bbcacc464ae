/**
 * A data folder as it is found: makes the folders in it, reads all that the storage needs to know, and
 * judges whether the parts agree. A folder that is not what it should be is refused here, before anything
 * in it was changed; only what is certainly in nobody's way (temporary files, snapshots whose
 * install never came to its end) is removed, and that last.
 */
import { dirname, join, resolve } from 'node:path';
import { LOG_CACHE_BYTES, LOG_READ_CACHE_BYTES, SNAPSHOTS_KEPT } from '../limits.ts';
import type { Disk, Logger } from '../world/index.ts';
import { IDENTITY_FILE, readIdentity } from './identity-file.ts';
import { clampHardState, LogMemory } from './log-memory.ts';
import type { LogReplay } from './log-replay.ts';
import { SnapshotStore } from './snapshot-store.ts';
import { corrupt } from './storage-errors.ts';
import type { Identity, StoredSnapshot } from './types.ts';
import { type LogScan, scanLog } from './wal-scan.ts';
import { checkWitness, readWitness, type Testimony } from './witness.ts';

/** What a crash leaves of a file that was being written. Other people's files are theirs, whatever their names. */
export const UNFINISHED: RegExp = /^(?:IDENTITY|\d{10}\.wal|save-\d+|[\w.-]+\.fact)\.tmp$/;

/** The folders of a data folder. */
export function dataFolders(directory: string): {
  readonly wal: string;
  readonly snap: string;
  readonly facts: string;
} {
  return {
    wal: join(directory, 'wal'),
    snap: join(directory, 'snap'),
    facts: join(directory, 'facts'),
  };
}

export interface FolderOptions {
  readonly disk: Disk;
  readonly logger: Logger;
  readonly directory: string;
  readonly options?: {
    readonly cacheBytes?: number;
    readonly readCacheBytes?: number;
    readonly snapshotsKept?: number;
  };
}

export interface FolderContents {
  /** `undefined`: a fresh folder. */
  readonly identity: Identity | undefined;
  readonly log: LogMemory;
  readonly snapshots: SnapshotStore;
  readonly newest: StoredSnapshot | undefined;
  readonly scan: LogScan;
  readonly testimony: Testimony | undefined;
}

/** The folder is there, and locked. */
export async function readDataFolder(options: FolderOptions): Promise<FolderContents> {
  const { disk, logger, directory, options: tuning } = options;
  const folders = dataFolders(directory);
  for (const folder of Object.values(folders)) await disk.makeDirectory(folder);
  // What the process before has named, and perhaps not synced, is believed from now on.
  for (const folder of [directory, folders.facts]) await disk.syncDirectory(folder);
  const identity = await readIdentity(disk, directory);
  if (identity === undefined) await trySyncParents(disk, directory);
  const scan = await scanLog(disk, folders.wal);
  const testimony = await readWitness(disk, directory);
  checkWitness(testimony, scan.replay.index.segments.at(-1), folders.wal);
  const contents = scan.replay.finish();
  checkIdentity(directory, identity, scan.replay);
  const bounds = {
    cacheBytes: tuning?.cacheBytes ?? LOG_CACHE_BYTES,
    readCacheBytes: tuning?.readCacheBytes ?? LOG_READ_CACHE_BYTES,
  };
  const found = new LogMemory(bounds, contents);
  const kept = tuning?.snapshotsKept ?? SNAPSHOTS_KEPT;
  const snapshots = new SnapshotStore({ disk, logger, directory: folders.snap, kept });
  const newest = await snapshots.open(found);
  for (const folder of [directory, ...Object.values(folders)]) await removeUnfinished(disk, folder);
  const hardState =
    newest === undefined
      ? contents.hardState
      : clampHardState(contents.hardState, newest, contents.last);
  const log = new LogMemory(bounds, { ...contents, hardState });
  return { identity, log, snapshots, newest, scan, testimony };
}

/** A log and whose it is: both or none. @throws ClusterError DATA_CORRUPT. */
export function checkIdentity(
  directory: string,
  identity: Identity | undefined,
  { index, last, hardState }: LogReplay,
): void {
  if (identity !== undefined && index.segments.length === 0) {
    throw corrupt(
      dataFolders(directory).wal,
      undefined,
      `the folder of node "${identity.nodeId}" has no log any more`,
    );
  }
  if (identity === undefined && (last.index > 0 || hardState.term > 0)) {
    throw corrupt(
      join(directory, IDENTITY_FILE),
      undefined,
      'it is missing, but the folder holds a log',
    );
  }
}

/**
 * A fresh folder: several of those above it may be as new, and a power cut that takes one of them takes
 * all that is promised in here. One may belong to somebody else; then its owner made what is in it
 * durable, or nobody can.
 */
async function trySyncParents(disk: Disk, directory: string): Promise<void> {
  for (let folder = resolve(directory); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      await disk.syncDirectory(dirname(folder));
    } catch {
      // As said above.
    }
  }
}

async function removeUnfinished(disk: Disk, folder: string): Promise<void> {
  for (const info of await disk.list(folder)) {
    if (info.kind !== 'file' || !UNFINISHED.test(info.name)) continue;
    await disk.remove(join(folder, info.name));
  }
}
