/**
 * Where a snapshot is written to: the file, synced every few megabytes. One huge sync at the end would
 * hold up the log's.
 */
import { SNAPSHOT_SYNC_BYTES } from '../limits.ts';
import type { DiskFile } from '../world/index.ts';

export class SyncingSink {
  readonly #file: DiskFile;
  #unsynced = 0;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  async write(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    await this.#file.write(position, chunks);
    for (const chunk of chunks) this.#unsynced += chunk.length;
    if (this.#unsynced < SNAPSHOT_SYNC_BYTES) return;
    this.#unsynced = 0;
    await this.#file.sync();
  }
}
