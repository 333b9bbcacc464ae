/**
 * A snapshot file that is being received. What was whole of an earlier, broken transfer is not asked
 * for again: the file is read up to its last whole piece, and the transfer goes on from there. Nothing
 * of it counts before `finish`, which syncs it and checks it against what was announced.
 *
 * After a write or sync that failed, the file goes. The kernel may hold its pages as clean although the
 * disk never got them: a later attempt would read them as whole, sync nothing, and be believed. Should the
 * process die before the file goes, what may be so is written again by who goes on with it.
 */
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { ClusterError } from '../errors.ts';
import { BULK_CHUNK_BYTES, SNAPSHOT_SYNC_BYTES, STORAGE_READ_BYTES } from '../limits.ts';
import type { LogIndex } from '../raft/index.ts';
import { type Disk, DiskError, type DiskFile } from '../world/index.ts';
import { hex32 } from './bytes.ts';
import { type ByteSource, wholePrefix } from './snapshot-reader.ts';
import { diskFailure } from './storage-errors.ts';
import { checkRoom, SyncingSink } from './syncing-sink.ts';
import type { SnapshotReceiver, StoredSnapshot } from './types.ts';

export interface PartialEvents {
  finished(): Promise<void>;
  /** What was received can not be trusted: it is to be removed. Never rejects. */
  spoiled(): Promise<void>;
  closed(): void;
}

export class PartialSnapshot implements SnapshotReceiver {
  readonly received: number;
  readonly #file: DiskFile;
  readonly #sink: SyncingSink;
  readonly #stored: StoredSnapshot;
  readonly #events: PartialEvents;
  #position: number;
  #checksum: number;
  #isClosed = false;

  private constructor(
    sink: SyncingSink,
    file: DiskFile,
    stored: StoredSnapshot,
    events: PartialEvents,
    start: { readonly bytes: number; readonly checksum: number },
  ) {
    this.#file = file;
    this.#sink = sink;
    this.#stored = stored;
    this.#events = events;
    this.received = start.bytes;
    this.#position = start.bytes;
    this.#checksum = start.checksum;
  }

  static async open(
    disk: Disk,
    path: string,
    stored: StoredSnapshot,
    events: PartialEvents,
  ): Promise<PartialSnapshot> {
    const info = await disk.info(path);
    const file = await disk.open(path, info === undefined ? 'create' : 'write');
    try {
      let start = { bytes: 0, checksum: 0 };
      if (info === undefined) {
        // Or a power cut takes the name, and with it everything that was synced.
        await disk.syncDirectory(dirname(path));
      } else {
        start = await wholePrefix(sourceOf(file, path, Math.min(info.size, stored.bytes)));
        await file.truncate(start.bytes);
        await rewriteUnsynced(file, start.bytes);
        await file.sync();
      }
      const sink = new SyncingSink(disk, path, file);
      return new PartialSnapshot(sink, file, stored, events, start);
    } catch (error) {
      await events.spoiled();
      await file.close();
      throw error;
    }
  }

  /** Better to refuse at once than after gigabytes. @throws DiskError `full`. */
  static async checkRoom(disk: Disk, path: string, bytes: number): Promise<void> {
    const missing = bytes - ((await disk.info(path))?.size ?? 0);
    if (missing > SNAPSHOT_SYNC_BYTES) await checkRoom(disk, path, missing);
  }

  async write(chunk: Uint8Array): Promise<void> {
    const { index, bytes } = this.#stored;
    if (this.#isClosed || this.#position + chunk.length > bytes) {
      throw transferFailed(index, `more than its ${bytes} bytes arrived, or it was ended before`);
    }
    const position = this.#position;
    this.#position += chunk.length;
    this.#checksum = crc32(chunk, this.#checksum);
    try {
      await this.#sink.write(position, [chunk]);
    } catch (error) {
      await this.#spoiled();
      throw diskFailure(`write the snapshot at ${index}`, error);
    }
  }

  async finish(): Promise<StoredSnapshot> {
    const { index, bytes, checksum } = this.#stored;
    if (this.#isClosed) throw transferFailed(index, 'it was ended before');
    if (this.#position !== bytes) {
      await this.abort();
      throw transferFailed(index, `${this.#position} of its ${bytes} bytes arrived`);
    }
    try {
      if (this.#checksum !== checksum) {
        // Nothing of it can be trusted: the next attempt begins at 0.
        await this.#file.truncate(0);
        throw transferFailed(
          index,
          `its checksum is ${hex32(this.#checksum)}, not ${hex32(checksum)}; it will be sent again`,
        );
      }
      await this.#file.sync();
      await this.#events.finished();
      return this.#stored;
    } catch (error) {
      if (error instanceof DiskError) await this.#spoiled();
      throw diskFailure(`write the snapshot at ${index}`, error);
    } finally {
      await this.abort();
    }
  }

  async #spoiled(): Promise<void> {
    // Once it was given up, the name may be that of another attempt.
    if (!this.#isClosed) await this.#events.spoiled();
    await this.abort();
  }

  async abort(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events.closed();
    // What counts was synced before; a descriptor that can not be given back changes nothing about it.
    await this.#file.close().catch(() => {});
  }
}

/** All that may have come behind the last sync of the process before: written again, it is dirty. */
async function rewriteUnsynced(file: DiskFile, bytes: number): Promise<void> {
  let at = Math.max(0, bytes - SNAPSHOT_SYNC_BYTES - BULK_CHUNK_BYTES);
  for (; at < bytes; at += STORAGE_READ_BYTES) {
    await file.write(at, [await file.read(at, Math.min(STORAGE_READ_BYTES, bytes - at))]);
  }
}

export function sourceOf(file: DiskFile, path: string, bytes: number): ByteSource {
  return {
    path,
    bytes,
    read: (position, length) => {
      const available = Math.max(0, Math.min(length, bytes - position));
      return available === 0 ? Promise.resolve(new Uint8Array(0)) : file.read(position, available);
    },
    close: () => file.close(),
  };
}

export function transferFailed(index: LogIndex, why: string): ClusterError {
  return new ClusterError('TRANSFER_FAILED', `the snapshot at ${index} was not received: ${why}`, {
    details: { index },
  });
}
