/**
 * One open file of the machine. What this file protects:
 *
 * - **Order.** Writes, truncations and syncs of a file run one at a time, in the order in which they
 *   were asked for. A read waits for the content changes asked for before it, not for their syncs.
 * - **Whole writes.** The kernel may take fewer bytes than it was given (a signal, a quota, a full
 *   disk). The rest is written until all is there or an error says why not.
 * - **A failed sync is final.** After one, the kernel may have dropped the dirty pages and forgotten
 *   the error, and the next fdatasync answers "fine" for data that is gone ("fsyncgate", 2018). So the
 *   first failure is kept, and every later write and sync of this file gets it back.
 *
 * `writeAndSync` is two trips to a thread, pwritev and fdatasync. One trip would be an O_DSYNC
 * descriptor; but that syncs only the range just written, and some file systems ignore the flag
 * without a word. Correct first; the second trip costs microseconds beside the sync.
 */
import { close, fdatasync, fstat, ftruncate, read, writev } from 'node:fs';

import { diskFault } from './disk-faults.ts';
import type { DiskError, DiskFile } from './types.ts';

/** The kernel takes at most this many chunks at once (IOV_MAX). */
const CHUNKS_PER_WRITE_MAX = 1_024;
/** And at most this many bytes, less than 2^31. Also bounds the time that one write holds a thread. */
const BYTES_PER_WRITE_MAX = 64 * 1024 * 1024;

export class RealFile implements DiskFile {
  readonly #fd: number;
  readonly #path: string;
  /** Ends of the queues; they never reject. */
  #changes: Promise<void> = Promise.resolve();
  #content: Promise<void> = Promise.resolve();
  #syncFailure: DiskError | undefined;
  /** Reads under way: a descriptor that is closed under them may be another file's by then. */
  readonly #reads: Set<Promise<void>> = new Set();
  #isClosed = false;

  constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    await this.#content;
    this.#mustBeOpen('read');
    const reading = this.#readAll(position, length);
    const ended: Promise<void> = reading.then(
      () => void this.#reads.delete(ended),
      () => void this.#reads.delete(ended),
    );
    this.#reads.add(ended);
    return reading;
  }

  write(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    return this.#change(() => this.#writeAll(position, chunks));
  }

  sync(): Promise<void> {
    return this.#inOrder(() => this.#sync());
  }

  writeAndSync(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    const written = this.#change(() => this.#writeAll(position, chunks));
    const synced = this.#inOrder(async () => {
      await written;
      await this.#sync();
    });
    return synced;
  }

  truncate(size: number): Promise<void> {
    return this.#change(
      () =>
        new Promise((resolve, reject) => {
          ftruncate(this.#fd, size, (cause) => {
            if (cause === null) resolve();
            else reject(diskFault(`set the size (${size}) of`, this.#path, cause));
          });
        }),
    );
  }

  async size(): Promise<number> {
    await this.#content;
    this.#mustBeOpen('measure');
    return new Promise((resolve, reject) => {
      fstat(this.#fd, (cause, stats) => {
        if (cause === null) resolve(stats.size);
        else reject(diskFault('measure', this.#path, cause));
      });
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#changes;
    await Promise.all(this.#reads);
    await new Promise<void>((resolve, reject) => {
      close(this.#fd, (cause) => {
        if (cause === null || cause === undefined) resolve();
        else reject(diskFault('close', this.#path, cause));
      });
    });
  }

  #mustBeOpen(doing: string): void {
    if (this.#isClosed) {
      throw diskFault(doing, this.#path, { code: 'EBADF: the file was closed here' });
    }
  }

  /** Behind every operation asked for earlier that changes or syncs the file. */
  #inOrder(operation: () => Promise<void>): Promise<void> {
    const wasClosed = this.#isClosed;
    const result = this.#changes.then(() => {
      if (wasClosed) this.#mustBeOpen('write to');
      if (this.#syncFailure !== undefined) throw this.#syncFailure;
      return operation();
    });
    this.#changes = result.catch(() => {});
    return result;
  }

  #change(operation: () => Promise<void>): Promise<void> {
    const result = this.#inOrder(operation);
    this.#content = this.#changes;
    return result;
  }

  #sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (cause) => {
        if (cause === null) {
          resolve();
          return;
        }
        this.#syncFailure = diskFault('sync', this.#path, cause);
        reject(this.#syncFailure);
      });
    });
  }

  async #writeAll(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    let at = position;
    let left = chunks.filter((chunk) => chunk.length > 0);
    while (left.length > 0) {
      const count = await this.#writeOnce(at, batchOf(left));
      at += count;
      left = without(left, count);
    }
  }

  async #readAll(position: number, length: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const count = await this.#readOnce(buffer, filled, position + filled);
      if (count === 0) break;
      filled += count;
    }
    return filled === length ? buffer : buffer.subarray(0, filled);
  }

  #readOnce(buffer: Uint8Array, offset: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#fd, buffer, offset, buffer.length - offset, position, (cause, count) => {
        if (cause === null) resolve(count);
        else reject(diskFault(`read at ${position} of`, this.#path, cause));
      });
    });
  }

  #writeOnce(position: number, chunks: readonly Uint8Array[]): Promise<number> {
    return new Promise((resolve, reject) => {
      writev(this.#fd, chunks, position, (cause, count) => {
        if (cause !== null) reject(diskFault(`write at ${position} to`, this.#path, cause));
        else if (count === 0) reject(diskFault('write to', this.#path, { code: 'nothing taken' }));
        else resolve(count);
      });
    });
  }
}

/** As many chunks from the front as one system call takes. Exported for its test. */
export function batchOf(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  let bytes = 0;
  for (const [at, chunk] of chunks.entries()) {
    const room = BYTES_PER_WRITE_MAX - bytes;
    if (at === CHUNKS_PER_WRITE_MAX || room === 0) return chunks.slice(0, at);
    if (chunk.length > room) return [...chunks.slice(0, at), chunk.subarray(0, room)];
    bytes += chunk.length;
  }
  return chunks;
}

/** What is left after `count` bytes from the front were taken. Exported for its test. */
export function without(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  let taken = count;
  for (const [at, chunk] of chunks.entries()) {
    if (taken < chunk.length) return [chunk.subarray(taken), ...chunks.slice(at + 1)];
    taken -= chunk.length;
  }
  return [];
}
