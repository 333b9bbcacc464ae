/**
 * The snapshots of a data folder, for an inspection. They are told apart as opening does it: what was
 * received and never came into force is none, the newest that the log knows of must be whole, and older
 * ones are a reserve. Unlike opening, this reads the files from end to end.
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { STORAGE_READ_BYTES } from '../limits.ts';
import type { Disk } from '../world/index.ts';
import { hex32 } from './bytes.ts';
import { type DamageReport, damageOf } from './inspect-damage.ts';
import { type LogContents, LogMemory } from './log-memory.ts';
import { sourceOf } from './partial-snapshot.ts';
import { readLayout, SNAPSHOT_ADVICE, wholePrefix } from './snapshot-reader.ts';
import { isInstalled, listSnapshots, type SnapshotFile, snapshotStem } from './snapshot-store.ts';
import { corrupt } from './storage-errors.ts';
import type { StoredSnapshot } from './types.ts';

export interface SnapshotReport extends StoredSnapshot {
  readonly file: string;
  /** What it is made of. */
  readonly sections: readonly { readonly name: string; readonly bytes: number }[];
}

export interface SnapshotsReport {
  /** Newest first. */
  readonly snapshots: readonly SnapshotReport[];
  /** Paths of files that were received, and never came into force. */
  readonly notInstalled: readonly string[];
  readonly damage: readonly DamageReport[];
  /** Damage to older ones than the one that a node needs. */
  readonly warnings: readonly DamageReport[];
}

/**
 * `listed`: the files, from before the log was read, or one that its owner saves meanwhile seems not to be in
 * it. `contents`: of the log; without them all files are taken for installed.
 */
export async function inspectSnapshots(
  disk: Disk,
  directory: string,
  listed: readonly SnapshotFile[],
  contents: LogContents | undefined,
): Promise<SnapshotsReport> {
  const snapshots: SnapshotReport[] = [];
  const notInstalled: string[] = [];
  const damage: DamageReport[] = [];
  const warnings: DamageReport[] = [];
  const base = contents?.base.index ?? 0;
  const log =
    contents === undefined
      ? undefined
      : new LogMemory({ cacheBytes: 0, readCacheBytes: 0 }, contents);
  for (const file of listed) {
    const path = join(directory, file.name);
    if (log !== undefined && !isInstalled(log, file)) {
      notInstalled.push(path);
      continue;
    }
    try {
      const report = await readSnapshotReport(disk, path, file.name);
      if (report !== undefined) snapshots.push(report);
    } catch (error) {
      const isNeeded = snapshots.length === 0 && file.index >= base;
      (isNeeded ? damage : warnings).push(damageOf(error));
    }
  }
  const isThere = base === 0 || snapshots.some((snapshot) => snapshot.index >= base);
  if (isThere || (await hasNewer(disk, directory, listed))) {
    return { snapshots, notInstalled, damage, warnings };
  }
  const what = `the log begins behind entry ${base}, and no whole snapshot that reaches as far is here`;
  const lost = corrupt(directory, undefined, what);
  // Moving a file away does not help any more.
  const hopeless = damage.map((one) => corrupt(one.path ?? directory, one.offset, one.what));
  return {
    ...{ snapshots, notInstalled, warnings },
    damage: [...hopeless, lost].map(damageOf),
  };
}

/** Whole files, newest first. */
export async function snapshotsIn(disk: Disk, directory: string): Promise<readonly SnapshotFile[]> {
  if ((await disk.info(directory)) === undefined) return [];
  return (await listSnapshots(disk, directory)).filter((file) => !file.isPart);
}

/** Its owner has saved another one meanwhile, and may have removed those that were needed. */
async function hasNewer(
  disk: Disk,
  directory: string,
  listed: readonly SnapshotFile[],
): Promise<boolean> {
  const known = new Set(listed.map((file) => file.name));
  return (await snapshotsIn(disk, directory)).some((file) => !known.has(file.name));
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
