/**
 * Disks that lose or fail on purpose, chosen by `testing.disk`. For tests only: they let a test show that
 * an acknowledged write survives a power failure (and that the test would notice if it did not), and that
 * a failed sync ends a node's participation.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { type Disk, DiskError, type DiskFile, powerLossDisk, realDisk } from '../../world/index.ts';
import type { TestingDisk } from '../config/schema.ts';

/** As soon as a file of this name is in the data folder, every sync fails. */
const FAIL_SYNC_FILE = 'FAIL-SYNC';

export function diskFor(kind: TestingDisk, dataDir: string): Disk {
  const disk = realDisk();
  if (kind === 'power-loss') return powerLossDisk(disk);
  if (kind === 'power-loss-no-sync') return powerLossDisk(disk, { ignoreSync: true });
  if (kind === 'failing-sync') return failingSyncDisk(disk, dataDir);
  return disk;
}

function failingSyncDisk(disk: Disk, dataDir: string): Disk {
  const check = (path: string): void => {
    if (!existsSync(join(dataDir, FAIL_SYNC_FILE))) return;
    throw new DiskError(
      'failed',
      path,
      `sync of ${path} failed: input/output error (made by a test)`,
    );
  };
  const wrap = (path: string, file: DiskFile): DiskFile => ({
    read: (position, length) => file.read(position, length),
    write: (position, chunks) => file.write(position, chunks),
    sync: async () => {
      check(path);
      await file.sync();
    },
    writeAndSync: async (position, chunks) => {
      check(path);
      await file.writeAndSync(position, chunks);
    },
    truncate: (size) => file.truncate(size),
    size: () => file.size(),
    close: () => file.close(),
  });
  return {
    makeDirectory: (path) => disk.makeDirectory(path),
    list: (path) => disk.list(path),
    info: (path) => disk.info(path),
    open: async (path, mode) => wrap(path, await disk.open(path, mode)),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory: async (path) => {
      check(path);
      await disk.syncDirectory(path);
    },
    freeBytes: (path) => disk.freeBytes(path),
    lock: (directory) => disk.lock(directory),
  };
}
