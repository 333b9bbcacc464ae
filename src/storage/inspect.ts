/**
 * Looks into a data folder without locking or changing it: whose it is, what its log, its snapshots and
 * its facts hold, what else lies there, and what is wrong. For people with a broken node, so it goes on
 * as far as it can and collects what it finds instead of stopping at the first damage. Memory is bounded: what
 * opening the folder would take, and not the entries.
 *
 * Beside a running node the answer is a glimpse. The log grows while it is read, so damage counts only
 * if it is found twice at the same place, and a file that has vanished meanwhile was removed by its
 * owner. The witness is read before the log, which it must never be ahead of.
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ClusterError } from '../errors.ts';
import { STORAGE_READ_BYTES } from '../limits.ts';
import type { HardState, LogIndex, Term } from '../raft/index.ts';
import type { Disk } from '../world/index.ts';
import { hex32 } from './bytes.ts';
import { checkIdentity, dataFolders } from './data-folder.ts';
import { IDENTITY_FILE, readIdentity } from './identity-file.ts';
import { type DamageReport, damageOf } from './inspect-damage.ts';
import { type FactReport, type LeftoverReport, listFacts, listLeftovers } from './inspect-files.ts';
import { LogReplay } from './log-replay.ts';
import { sourceOf } from './partial-snapshot.ts';
import type { Segment } from './segment.ts';
import { readLayout, SNAPSHOT_ADVICE, wholePrefix } from './snapshot-reader.ts';
import { listSnapshots, snapshotStem } from './snapshot-store.ts';
import { corrupt } from './storage-errors.ts';
import type { TermRun } from './term-runs.ts';
import type { Identity, StoredSnapshot } from './types.ts';
import { type LogScan, scanLog, type TornTail } from './wal-scan.ts';
import { checkWitness, readWitness, type Testimony } from './witness.ts';

/** One file of the log. */
export interface SegmentReport {
  readonly path: string;
  readonly sequence: number;
  /** Bytes in use, of those that the file is to have. */
  readonly usedBytes: number;
  readonly segmentBytes: number;
  /** Records that hold entries. */
  readonly records: number;
  /** The entries that lie in it and count; absent when there are none. */
  readonly firstIndex?: LogIndex;
  readonly lastIndex?: LogIndex;
}

/** What the log holds. */
export interface LogReport {
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** Entries from `firstIndex` to `lastIndex`. */
  readonly entries: number;
  /** In use, in all segments. */
  readonly usedBytes: number;
  readonly hardState: HardState;
  /** Each from its index on. */
  readonly terms: readonly TermRun[];
  readonly segments: readonly SegmentReport[];
  /** An unfinished last record, which opening the folder would leave behind. */
  readonly torn: TornTail | undefined;
  /** The storage was closed in good order. */
  readonly isSealed: boolean;
  /** False: this is what can be read up to the first damage. */
  readonly isWhole: boolean;
}

export interface SnapshotReport extends StoredSnapshot {
  readonly file: string;
  /** What it is made of. */
  readonly sections: readonly { readonly name: string; readonly bytes: number }[];
}

/** What is in a data folder, and what is wrong with it. */
export interface DataFolderReport {
  readonly directory: string;
  /** Absent for a folder that was never founded, and when it could not be read: `damage` says why. */
  readonly identity: Identity | undefined;
  /** Absent when there is none, and when it could not be read. */
  readonly log: LogReport | undefined;
  /** Newest first. */
  readonly snapshots: readonly SnapshotReport[];
  readonly facts: readonly FactReport[];
  /** Files that belong to nothing that counts, or that nobody here knows. */
  readonly leftovers: readonly LeftoverReport[];
  /** Empty when all is well. */
  readonly damage: readonly DamageReport[];
}

/**
 * Looks into a data folder, without a lock and without a change. Damage is collected, not thrown.
 * @throws ClusterError DATA_DIR_MISSING when there is no data folder, DATA_DIR_FORMAT.
 */
export async function inspect(disk: Disk, directory: string): Promise<DataFolderReport> {
  await mustBeDataFolder(disk, directory);
  const folders = dataFolders(directory);
  const damage: DamageReport[] = [];
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ClusterError && error.code === 'DATA_DIR_FORMAT') throw error;
      damage.push(damageOf(error));
      return undefined;
    }
  };
  const identity = await attempt(() => readIdentity(disk, directory));
  const isIdentityRead = damage.length === 0;
  const testimony = await attempt(() => readWitness(disk, directory));
  let readable: LogReport | undefined;
  const scan = await attempt(() =>
    scanSteadily(disk, folders.wal, testimony, (replay) => {
      readable = reportOf(replay, false);
    }),
  );
  if (scan !== undefined && isIdentityRead) {
    await attempt(async () => checkIdentity(directory, identity, scan.replay));
  }
  const snapshots: SnapshotReport[] = [];
  for (const name of await snapshotNames(disk, folders.snap)) {
    const path = join(folders.snap, name);
    const report = await attempt(() => readSnapshotReport(disk, path, name));
    if (report !== undefined) snapshots.push(report);
  }
  const base = scan?.replay.base.index ?? 0;
  if (base > 0 && !snapshots.some((snapshot) => snapshot.index >= base)) {
    const what = `the log begins behind entry ${base}, and no whole snapshot that reaches as far is here`;
    damage.push(damageOf(corrupt(folders.snap, undefined, what)));
  }
  return {
    directory,
    identity,
    log: scan === undefined ? readable : reportOf(scan.replay, true, scan),
    snapshots,
    facts: (await attempt(() => listFacts(disk, folders.facts, damage))) ?? [],
    leftovers: (await attempt(() => listLeftovers(disk, directory, scan?.obsolete ?? []))) ?? [],
    damage,
  };
}

async function mustBeDataFolder(disk: Disk, directory: string): Promise<void> {
  const { wal } = dataFolders(directory);
  const found = await disk.info(directory).catch(() => undefined);
  if (found?.kind === 'directory') {
    for (const path of [join(directory, IDENTITY_FILE), wal]) {
      if ((await disk.info(path)) !== undefined) return;
    }
  }
  const what =
    found === undefined
      ? 'there is nothing at that path'
      : found.kind === 'directory'
        ? 'it holds neither IDENTITY nor a log'
        : 'it is a file';
  throw new ClusterError('DATA_DIR_MISSING', `${directory} is no data folder: ${what}`, {
    details: { directory },
  });
}

/**
 * While its owner writes, the end of a log may look damaged in one moment; never twice at one place.
 * `onDamage` gets what was read up to there.
 */
async function scanSteadily(
  disk: Disk,
  directory: string,
  testimony: Testimony | undefined,
  onDamage: (replay: LogReplay) => void,
): Promise<LogScan> {
  if ((await disk.info(directory)) === undefined) {
    throw corrupt(directory, undefined, 'the folder of the log is gone');
  }
  let before: string | undefined;
  for (;;) {
    const replay = new LogReplay();
    try {
      const scan = await scanLog(disk, directory, replay);
      checkWitness(testimony, replay.index.segments.at(-1), directory);
      replay.finish();
      return scan;
    } catch (error) {
      const message = String(error);
      if (message === before) {
        onDamage(replay);
        throw error;
      }
      before = message;
    }
  }
}

function reportOf(replay: LogReplay, isWhole: boolean, scan?: LogScan): LogReport | undefined {
  const { segments } = replay.index;
  if (segments.length === 0) return undefined;
  const base = isWhole ? replay.base.index : Math.max(replay.base.index, firstOf(segments) - 1);
  const last = Math.max(replay.last.index, base);
  return {
    firstIndex: base + 1,
    lastIndex: last,
    lastTerm: replay.last.term,
    entries: last - base,
    usedBytes: segments.reduce((sum, segment) => sum + segment.end, 0),
    hardState: replay.hardState,
    terms: replay.runs.filter(({ index }) => index <= last),
    segments: segments.map((segment, at) => ({
      path: segment.path,
      sequence: segment.sequence,
      usedBytes: segment.end,
      segmentBytes: segment.segmentBytes,
      records: segment.table.count,
      ...rangeOf(segments, at, base, last),
    })),
    torn: scan?.torn,
    isSealed: scan?.isSealed === true,
    isWhole,
  };
}

/** The first entry that lies in any of them. */
function firstOf(segments: readonly Segment[]): LogIndex {
  const holding = segments.find((segment) => segment.table.count > 0);
  return holding?.table.first(0) ?? 0;
}

/** Entries of a segment end where those of a later one begin; what lies at or below the base is gone. */
function rangeOf(
  segments: readonly Segment[],
  at: number,
  base: LogIndex,
  last: LogIndex,
): { readonly firstIndex?: LogIndex; readonly lastIndex?: LogIndex } {
  const { table } = segments[at]!; // `at` is one of them
  if (table.count === 0) return {};
  const next = segments.slice(at + 1).find((segment) => segment.table.count > 0);
  const lastIndex = next === undefined ? last : next.table.first(0) - 1;
  const firstIndex = Math.max(table.first(0), base + 1);
  return firstIndex > lastIndex ? {} : { firstIndex, lastIndex };
}

async function snapshotNames(disk: Disk, directory: string): Promise<readonly string[]> {
  if ((await disk.info(directory)) === undefined) return [];
  const files = await listSnapshots(disk, directory);
  return files.filter((file) => !file.isPart).map((file) => file.name);
}

/** Reads the whole file. `undefined`: its owner has removed it meanwhile. */
async function readSnapshotReport(
  disk: Disk,
  path: string,
  name: string,
): Promise<SnapshotReport | undefined> {
  try {
    const file = await disk.open(path, 'read');
    try {
      const bytes = await file.size();
      const source = sourceOf(file, path, bytes);
      const { meta, sections } = await readLayout(source);
      const checksum = await checksumOf(source);
      if (!name.startsWith(snapshotStem({ ...meta, checksum }))) {
        const whole = await wholePrefix(source);
        const what = `the file's checksum is ${hex32(checksum)}, which is not what its name says`;
        throw corrupt(path, whole.bytes, what, SNAPSHOT_ADVICE);
      }
      return {
        ...meta,
        bytes,
        checksum,
        file: path,
        sections: sections.map((section) => ({ name: section.name, bytes: section.bytes })),
      };
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((await disk.info(path)) === undefined) return undefined;
    throw error;
  }
}

async function checksumOf(source: {
  read(position: number, length: number): Promise<Uint8Array>;
}): Promise<number> {
  let checksum = 0;
  for (let position = 0; ; ) {
    const chunk = await source.read(position, STORAGE_READ_BYTES);
    if (chunk.length === 0) return checksum;
    checksum = crc32(chunk, checksum);
    position += chunk.length;
  }
}
