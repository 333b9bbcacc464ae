/**
 * REACHED: an entry that the log held when the newest snapshot came into force. It lies beside
 * the log, not in it, so that it outlives what it is a witness against: a log whose end was cut
 * off, or turned into zeros, between two records looks like one that was never longer (see tail.ts). A
 * node that started on it would have forgotten what it has promised to others, its vote included.
 *
 * Written only once the log is durable up to that entry. An entry that a snapshot covers is committed,
 * so it is never replaced, and the log may only begin behind it. Absent in folders that never had a
 * snapshot, and perhaps older than the newest one: then less is noticed, and nothing is misjudged.
 */
import { join } from 'node:path';
import type { Disk } from '../world/index.ts';
import { asBuffer, readU64, writeU64 } from './bytes.ts';
import type { LogMemory, LogPosition } from './log-memory.ts';
import { readSmallFile, writeSmallFile } from './small-file.ts';
import { corrupt } from './storage-errors.ts';

const REACH_FILE = 'REACHED';
const BYTES = 16;

export async function writeReach(disk: Disk, directory: string, at: LogPosition): Promise<void> {
  const bytes = Buffer.alloc(BYTES);
  writeU64(bytes, at.index, 0);
  writeU64(bytes, at.term, 8);
  await writeSmallFile(disk, directory, REACH_FILE, bytes);
}

/** @throws ClusterError DATA_CORRUPT when the log does not go as far as it once did. */
export async function checkReach(
  disk: Disk,
  directory: string,
  log: LogMemory,
  logPath: string,
): Promise<void> {
  const path = join(directory, REACH_FILE);
  const bytes = await readSmallFile(disk, path);
  if (bytes === undefined) return;
  const buffer = asBuffer(bytes);
  const index = buffer.length === BYTES ? readU64(buffer, 0) : undefined;
  const term = buffer.length === BYTES ? readU64(buffer, 8) : undefined;
  if (index === undefined || term === undefined) {
    throw corrupt(path, 0, 'it does not hold an index and a term');
  }
  if (index < log.base.index || log.matches({ index, term })) return;
  const found =
    index > log.lastIndex
      ? `it ends with entry ${log.lastIndex}`
      : `entry ${index} has another term`;
  throw corrupt(
    logPath,
    undefined,
    `it once held entry ${index} of term ${term}, which a snapshot covers, but ${found}`,
  );
}
