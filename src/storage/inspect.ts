/**
 * Looks into a data folder without locking or changing it: whose it is, what its log and its snapshots
 * hold, and what is wrong with them. For people with a broken node, so it goes on as far as it can and
 * collects what it finds instead of stopping at the first damage. Beside a running node the answer is
 * a glimpse: the end of the log may look torn while it is being written.
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { STORAGE_READ_BYTES } from '../limits.ts';
import type { HardState, LogIndex, Term } from '../raft/index.ts';
import type { Disk } from '../world/index.ts';
import { hex32 } from './bytes.ts';
import { dataFolders } from './data-folder.ts';
import { readIdentity } from './identity-file.ts';
import { describeFile, listSnapshots } from './snapshot-store.ts';
import type { TermRun } from './term-runs.ts';
import type { Identity, StoredSnapshot } from './types.ts';
import { type LogScan, scanLog, type TornTail } from './wal-scan.ts';
import { checkWitness, readWitness } from './witness.ts';

/** One file of the log. */
export interface SegmentReport {
  readonly path: string;
  readonly sequence: number;
  /** Bytes in use, of the file's size. */
  readonly usedBytes: number;
  readonly segmentBytes: number;
  /** Records that hold entries. */
  readonly records: number;
}

/** What the log holds. */
export interface LogReport {
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  readonly hardState: HardState;
  /** Each from its index on. */
  readonly terms: readonly TermRun[];
  readonly segments: readonly SegmentReport[];
  /** An unfinished last record, which opening the folder would remove. */
  readonly torn: TornTail | undefined;
  /** The storage was closed in good order. */
  readonly isSealed: boolean;
}

export interface SnapshotReport extends StoredSnapshot {
  readonly file: string;
}

/** What is in a data folder, and what is wrong with it. */
export interface DataFolderReport {
  readonly identity: Identity | undefined;
  /** Absent when it could not be read: `damage` says why. */
  readonly log: LogReport | undefined;
  /** Newest first. */
  readonly snapshots: readonly SnapshotReport[];
  /** In words for people; empty when all is well. */
  readonly damage: readonly string[];
}

/**
 * Looks into a data folder, without a lock and without a change. Damage is collected, not thrown.
 */
export async function inspect(disk: Disk, directory: string): Promise<DataFolderReport> {
  const folders = dataFolders(directory);
  const damage: string[] = [];
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      damage.push(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  };
  const identity = await attempt(() => readIdentity(disk, directory));
  const scan = await attempt(() => scanLog(disk, folders.wal));
  const testimony = await attempt(() => readWitness(disk, directory));
  if (scan !== undefined) {
    const last = scan.replay.index.segments.at(-1);
    await attempt(async () => checkWitness(testimony, last, folders.wal));
  }
  const snapshots: SnapshotReport[] = [];
  for (const file of (await attempt(() => listSnapshots(disk, folders.snap))) ?? []) {
    if (file.isPart) continue;
    const stored = await attempt(() => describeFile(disk, folders.snap, file));
    if (stored === undefined) continue;
    const path = join(folders.snap, file.name);
    const checksum = await attempt(() => checksumOf(disk, path));
    if (checksum !== undefined && checksum !== file.checksum) {
      damage.push(
        `${path} is damaged: its checksum is ${hex32(checksum)}, not ${hex32(file.checksum)}`,
      );
    }
    snapshots.push({ ...stored, file: path });
  }
  return { identity, log: scan === undefined ? undefined : reportOf(scan), snapshots, damage };
}

function reportOf(scan: LogScan): LogReport | undefined {
  const { contents, replay, torn, isSealed } = scan;
  if (contents === undefined) return undefined;
  return {
    firstIndex: contents.base.index + 1,
    lastIndex: contents.last,
    lastTerm: replay.last.term,
    hardState: contents.hardState,
    terms: contents.runs,
    segments: replay.index.segments.map((segment) => ({
      path: segment.path,
      sequence: segment.sequence,
      usedBytes: segment.end,
      segmentBytes: segment.segmentBytes,
      records: segment.table.count,
    })),
    torn,
    isSealed,
  };
}

async function checksumOf(disk: Disk, path: string): Promise<number> {
  const file = await disk.open(path, 'read');
  try {
    let checksum = 0;
    for (let position = 0; ; ) {
      const chunk = await file.read(position, STORAGE_READ_BYTES);
      if (chunk.length === 0) return checksum;
      checksum = crc32(chunk, checksum);
      position += chunk.length;
    }
  } finally {
    await file.close();
  }
}
