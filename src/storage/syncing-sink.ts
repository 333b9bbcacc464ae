/**
 * Where a snapshot is written to: the file, synced every few megabytes. One huge sync at the end would
 * hold up the log's.
 *
 * A snapshot must not be what fills the disk: it is a convenience, and a log that finds the disk full
 * ends the node. So at each step some room is left for the log, and the snapshot is given up instead.
 */
import { dirname } from 'node:path';
import { SNAPSHOT_ROOM_LEFT_BYTES, SNAPSHOT_SYNC_BYTES } from '../limits.ts';
import { type Disk, DiskError, type DiskFile } from '../world/index.ts';

export class SyncingSink {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #file: DiskFile;
  #unsynced = 0;

  constructor(disk: Disk, path: string, file: DiskFile) {
    this.#disk = disk;
    this.#path = path;
    this.#file = file;
  }

  async write(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    await this.#file.write(position, chunks);
    for (const chunk of chunks) this.#unsynced += chunk.length;
    if (this.#unsynced < SNAPSHOT_SYNC_BYTES) return;
    this.#unsynced = 0;
    await this.#file.sync();
    await checkRoom(this.#disk, this.#path, 0);
  }
}

/** @throws DiskError `full`: `bytes` more would leave too little for the log. */
export async function checkRoom(disk: Disk, path: string, bytes: number): Promise<void> {
  const free = await disk.freeBytes(dirname(path));
  if (free >= bytes + SNAPSHOT_ROOM_LEFT_BYTES) return;
  throw new DiskError(
    'full',
    path,
    `${free} bytes are free for ${path}, which needs ${bytes} more; ${SNAPSHOT_ROOM_LEFT_BYTES} are kept for the log`,
  );
}
