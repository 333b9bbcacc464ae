/**
 * Looks into a data folder without locking or changing it: whose it is, what its log, its snapshots and
 * its facts hold, what else lies there, and what is wrong. For people with a broken node, so it goes on
 * as far as it can and collects what it finds instead of stopping at the first damage. Memory is bounded: what
 * opening the folder would take, and not the entries.
 *
 * Beside a running node the answer is a glimpse. The log grows while it is read, so damage counts only
 * if it is found twice at the same place, and a file that has vanished meanwhile was removed by its
 * owner. The witness is read before the log, which it must never be ahead of; so are the names of snapshots.
 */
import { join } from 'node:path';
import { ClusterError } from '../errors.ts';
import type { HardState, LogIndex, Term } from '../raft/index.ts';
import { type Disk, DiskError } from '../world/index.ts';
import { checkIdentity, dataFolders } from './data-folder.ts';
import { IDENTITY_FILE, readIdentity } from './identity-file.ts';
import { type DamageReport, damageOf } from './inspect-damage.ts';
import { type FactReport, type LeftoverReport, listFacts, listLeftovers } from './inspect-files.ts';
import { inspectSnapshots, type SnapshotReport, snapshotsIn } from './inspect-snapshots.ts';
import { LogReplay } from './log-replay.ts';
import type { Segment } from './segment.ts';
import { corrupt, inspectFailure } from './storage-errors.ts';
import { type TermRun, TermRuns } from './term-runs.ts';
import type { Identity } from './types.ts';
import { type LogScan, scanLog, type TornTail } from './wal-scan.ts';
import { checkWitness, readWitness, type Testimony } from './witness.ts';

/** One file of the log. */
export interface SegmentReport {
  readonly path: string;
  readonly sequence: number;
  /** Bytes in use, of those that the file is to have. */
  readonly usedBytes: number;
  readonly segmentBytes: number;
  /** Records that hold entries that count. */
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

/** A place in the log up to which it was durable, as the witness knows. */
export interface WitnessReport {
  readonly segment: number;
  readonly offset: number;
}

/** What is in a data folder, and what is wrong with it. */
export interface DataFolderReport {
  readonly directory: string;
  /** Absent for a folder that was never founded, and when it could not be read: `damage` says why. */
  readonly identity: Identity | undefined;
  /** Absent when there is none, and when it could not be read. */
  readonly log: LogReport | undefined;
  /** Absent when there is none, and when it could not be read. */
  readonly witness: WitnessReport | undefined;
  /** Newest first; those that the log knows of, unless the log could not be read. */
  readonly snapshots: readonly SnapshotReport[];
  readonly facts: readonly FactReport[];
  /** Files that belong to nothing that counts, or that nobody here knows. */
  readonly leftovers: readonly LeftoverReport[];
  /** What keeps a node from starting. Empty when all is well. */
  readonly damage: readonly DamageReport[];
  /** Damage to what no node needs: snapshots older than one that is whole. */
  readonly warnings: readonly DamageReport[];
}

/**
 * Looks into a data folder, without a lock and without a change. Damage is collected, not thrown.
 * @throws ClusterError DATA_DIR_MISSING when there is no data folder, DATA_DIR_FORMAT, DATA_DIR_UNUSABLE
 *   when it may not be read, DISK_FAILED.
 */
export async function inspect(disk: Disk, directory: string): Promise<DataFolderReport> {
  try {
    return await look(disk, directory);
  } catch (error) {
    throw inspectFailure(directory, error);
  }
}

async function look(disk: Disk, directory: string): Promise<DataFolderReport> {
  await mustBeDataFolder(disk, directory);
  const folders = dataFolders(directory);
  const damage: DamageReport[] = [];
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      damage.push(damageOf(error));
      return undefined;
    }
  };
  const identity = await attempt(() => readIdentity(disk, directory));
  const isIdentityRead = damage.length === 0;
  const listed = (await attempt(() => snapshotsIn(disk, folders.snap))) ?? [];
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
  const found = await inspectSnapshots(disk, folders.snap, listed, scan?.replay.finish());
  damage.push(...found.damage);
  const unneeded = { segments: scan?.obsolete ?? [], snapshots: found.notInstalled };
  return {
    directory,
    identity,
    log: scan === undefined ? readable : reportOf(scan.replay, true, scan),
    witness: testimony === undefined ? undefined : witnessOf(testimony),
    snapshots: found.snapshots,
    facts: (await attempt(() => listFacts(disk, folders.facts, damage))) ?? [],
    leftovers: (await attempt(() => listLeftovers(disk, directory, unneeded))) ?? [],
    damage,
    warnings: found.warnings,
  };
}

async function mustBeDataFolder(disk: Disk, directory: string): Promise<void> {
  const { wal } = dataFolders(directory);
  const found = await disk.info(directory).catch((error: unknown) => {
    // The path leads through a file.
    if (error instanceof DiskError && error.fault === 'not-a-directory') return undefined;
    throw error;
  });
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
    terms: termsBetween(replay.runs, base, last),
    segments: segments.map((segment, at) => ({
      path: segment.path,
      sequence: segment.sequence,
      usedBytes: segment.end,
      segmentBytes: segment.segmentBytes,
      ...rangeOf(segments, at, base, last),
    })),
    torn: scan?.torn,
    isSealed: scan?.isSealed === true,
    isWhole,
  };
}

/** Of the entries behind `base`, up to `last`. */
function termsBetween(
  runs: readonly TermRun[],
  base: LogIndex,
  last: LogIndex,
): readonly TermRun[] {
  const terms = new TermRuns();
  for (const { index, term } of runs) if (index <= last) terms.add(index, term);
  terms.dropThrough(base, last);
  return terms.list;
}

function witnessOf({ reach }: Testimony): WitnessReport {
  return { segment: reach.sequence, offset: reach.end };
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
): Pick<SegmentReport, 'records' | 'firstIndex' | 'lastIndex'> {
  const { table } = segments[at]!; // `at` is one of them
  if (table.count === 0) return { records: 0 };
  const next = segments.slice(at + 1).find((segment) => segment.table.count > 0);
  const lastIndex = next === undefined ? last : next.table.first(0) - 1;
  const firstIndex = Math.max(table.first(0), base + 1);
  if (firstIndex > lastIndex) return { records: 0 };
  return { records: table.count - table.find(firstIndex), firstIndex, lastIndex };
}
