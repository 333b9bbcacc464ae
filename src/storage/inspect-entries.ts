/**
 * Reads entries of a data folder in order, one record in memory at a time, without opening the
 * folder: for people who want to see what is in the log. Each record is checked as it is read.
 */
import type { Entry, LogIndex } from '../raft/index.ts';
import { asBuffer } from '../views.ts';
import type { Disk, DiskFile } from '../world/index.ts';
import { dataFolders } from './data-folder.ts';
import { decodeEntriesAt } from './log-loader.ts';
import { LogReplay } from './log-replay.ts';
import { corrupt } from './storage-errors.ts';
import { scanLog } from './wal-scan.ts';

/**
 * The entries `[from, to]` that the log holds; those before and behind it are left out. In a damaged log
 * those up to the damage, and then the error.
 * @throws ClusterError DATA_CORRUPT.
 */
export async function* inspectEntries(
  disk: Disk,
  directory: string,
  from: LogIndex,
  to: LogIndex,
): AsyncGenerator<Entry> {
  const replay = new LogReplay();
  let damage: unknown;
  try {
    await scanLog(disk, dataFolders(directory).wal, replay);
    replay.finish();
  } catch (error) {
    damage = error;
  }
  const { segments } = replay.index;
  const oldest = segments.find((segment) => segment.table.count > 0)?.table.first(0) ?? 0;
  const last = oldest === 0 ? 0 : Math.min(to, replay.last.index);
  let next = Math.max(from, replay.base.index + 1, oldest);
  let at = -1;
  let file: DiskFile | undefined;
  try {
    while (next <= last) {
      const found = replay.index.find(next);
      if (found === undefined) throw corrupt(directory, undefined, `entry ${next} is not there`);
      const { segment, record } = found;
      if (segments[at] !== segment) {
        await file?.close();
        at = segments.indexOf(segment);
        file = await disk.open(segment.path, 'read');
      }
      const offset = segment.table.offset(record);
      const size = segment.table.size(record);
      const bytes = asBuffer(await file!.read(offset, size)); // opened with its segment
      const end = Math.min(last, replay.index.nextFirst(found) - 1);
      for (const entry of decodeEntriesAt(bytes, segment, offset)) {
        if (entry.index < next || entry.index > end) continue;
        yield entry;
      }
      next = end + 1;
    }
    if (damage !== undefined && to > last) throw damage;
  } finally {
    await file?.close();
  }
}
