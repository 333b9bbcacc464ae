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
 * `writeAndSync` is two trips to a thread, pwritev and fdatasync; or one, by a descriptor whose writes are
 * synced (see synced-descriptor.ts), from the moment on at which a file turns out to be written so again and
 * again. Such a write makes only itself durable, so what was written before without a sync goes the
 * long way first. Whether the write failed or its sync can not be told apart then: either is final.
 *
 * The operations are run by callbacks, not promises: the next one begins in the same turn in which the one
 * before it has ended, and the log waits for nothing but the disk.
 */
import { close, fdatasync, fstat, ftruncate, read, writev } from 'node:fs';

import { diskFault } from './disk-faults.ts';
import { openSyncedDescriptor } from './synced-descriptor.ts';
import type { DiskError, DiskFile } from './types.ts';

/** The kernel takes at most this many chunks at once (IOV_MAX). */
const CHUNKS_PER_WRITE_MAX = 1_024;
/** And at most this many bytes, less than 2^31. Also bounds the time that one write holds a thread. */
const BYTES_PER_WRITE_MAX = 64 * 1024 * 1024;

type Done = (error?: DiskError) => void;

/** One operation that has to keep its turn. */
interface Operation {
  readonly kind: 'change' | 'sync' | 'close';
  /** Calls `done` once, and `contentThere` before it if its content can be read earlier. */
  readonly run: (done: Done, contentThere: () => void) => void;
  readonly resolve: () => void;
  readonly reject: (error: DiskError) => void;
  /** Reads that were asked for after it. */
  reads: (() => void)[];
}

export class RealFile implements DiskFile {
  readonly #fd: number;
  readonly #path: string;
  /** Begins with the operation that is under way. */
  readonly #operations: Operation[] = [];
  /** The last one of them that changes the content, until its content is there. */
  #lastChange: Operation | undefined;
  #syncFailure: DiskError | undefined;
  /** Something was written through the plain descriptor and not synced yet. */
  #isDirty = false;
  /** How often `writeAndSync` was asked for. */
  #syncedWrites = 0;
  #syncedFd: number | undefined;
  /** Settles when it is known whether there is a `#syncedFd`; never rejects. */
  #openingSynced: Promise<void> | undefined;
  /** Reads under way: a descriptor that is closed under them may be another file's by then. */
  readonly #reads: Set<Promise<void>> = new Set();
  #isClosed = false;

  constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  async read(position: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    await this.#contentSettled();
    this.#mustBeOpen('read');
    const reading = this.#readAll(position, length, into);
    const ended: Promise<void> = reading.then(
      () => void this.#reads.delete(ended),
      () => void this.#reads.delete(ended),
    );
    this.#reads.add(ended);
    return reading;
  }

  write(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    return this.#inOrder('change', (done) => this.#writeAll(position, chunks, done));
  }

  sync(): Promise<void> {
    return this.#inOrder('sync', (done) => this.#sync(done));
  }

  writeAndSync(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    this.#syncedWrites++;
    // Most files are written once: not worth another descriptor.
    if (this.#syncedWrites === 2) this.#openSynced();
    return this.#inOrder('change', (done, contentThere) => {
      if (this.#syncedFd !== undefined && !this.#isDirty) {
        this.#writeSynced(this.#syncedFd, position, chunks, done);
        return;
      }
      this.#writeAll(position, chunks, (error) => {
        if (error === undefined) {
          contentThere();
          this.#sync(done);
        } else done(error);
      });
    });
  }

  truncate(size: number): Promise<void> {
    return this.#inOrder('change', (done) => {
      this.#isDirty = true;
      ftruncate(this.#fd, size, (cause) => {
        if (cause === null) done();
        else done(diskFault(`set the size (${size}) of`, this.#path, cause));
      });
    });
  }

  async size(): Promise<number> {
    await this.#contentSettled();
    this.#mustBeOpen('measure');
    return new Promise((resolve, reject) => {
      fstat(this.#fd, (cause, stats) => {
        if (cause === null) resolve(stats.size);
        else reject(diskFault('measure', this.#path, cause));
      });
    });
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const closed = this.#inOrder('close', (done) => void this.#close(done));
    this.#isClosed = true;
    return closed;
  }

  #mustBeOpen(doing: string): void {
    if (this.#isClosed) throw closedHere(doing, this.#path);
  }

  // ---- order -------------------------------------------------------------------------------------

  /** Behind every operation asked for earlier that changes or syncs the file. */
  #inOrder(kind: Operation['kind'], run: Operation['run']): Promise<void> {
    if (this.#isClosed) return Promise.reject(closedHere('write to', this.#path));
    return new Promise((resolve, reject) => {
      const operation: Operation = { kind, run, resolve, reject, reads: [] };
      if (kind === 'change') this.#lastChange = operation;
      if (this.#operations.push(operation) === 1) this.#begin();
    });
  }

  /** Begins the first one. After a failed sync none but the closing is. */
  #begin(): void {
    for (;;) {
      const operation = this.#operations[0];
      if (operation === undefined) return;
      if (this.#syncFailure === undefined || operation.kind === 'close') {
        operation.run(
          (error) => {
            this.#settle(operation, error);
            this.#begin();
          },
          () => this.#contentThere(operation),
        );
        return;
      }
      this.#settle(operation, this.#syncFailure);
    }
  }

  #settle(operation: Operation, error: DiskError | undefined): void {
    this.#operations.shift();
    this.#contentThere(operation);
    if (error === undefined) operation.resolve();
    else operation.reject(error);
  }

  #contentThere(operation: Operation): void {
    if (this.#lastChange === operation) this.#lastChange = undefined;
    const reads = operation.reads;
    operation.reads = [];
    for (const read of reads) read();
  }

  #contentSettled(): Promise<void> {
    const change = this.#lastChange;
    if (change === undefined) return Promise.resolve();
    return new Promise((resolve) => change.reads.push(resolve));
  }

  // ---- what is run -------------------------------------------------------------------------------

  #writeAll(position: number, chunks: readonly Uint8Array[], done: Done): void {
    this.#isDirty = true;
    writeChunks(this.#fd, position, chunks, (cause) => {
      if (cause === undefined) done();
      else done(diskFault('write to', this.#path, cause));
    });
  }

  #sync(done: Done): void {
    fdatasync(this.#fd, (cause) => {
      if (cause === null) {
        this.#isDirty = false;
        done();
      } else done(this.#failed('sync', cause));
    });
  }

  #writeSynced(fd: number, position: number, chunks: readonly Uint8Array[], done: Done): void {
    writeChunks(fd, position, chunks, (cause) => {
      if (cause === undefined) done();
      else done(this.#failed('write to, and sync,', cause));
    });
  }

  #failed(doing: string, cause: unknown): DiskError {
    this.#syncFailure = diskFault(doing, this.#path, cause);
    return this.#syncFailure;
  }

  #openSynced(): void {
    this.#openingSynced = openSyncedDescriptor(this.#fd).then((fd) => {
      this.#syncedFd = fd;
    });
  }

  async #close(done: Done): Promise<void> {
    await Promise.all(this.#reads);
    await this.#openingSynced;
    // The plain one last: what it says is what counts.
    if (this.#syncedFd !== undefined) await closeDescriptor(this.#syncedFd);
    const cause = await closeDescriptor(this.#fd);
    if (cause === undefined) done();
    else done(diskFault('close', this.#path, cause));
  }

  async #readAll(position: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    // All of it that is handed out was read; zeros beneath would only cost.
    const buffer = into?.subarray(0, length) ?? Buffer.allocUnsafeSlow(length);
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
}

function closedHere(doing: string, path: string): DiskError {
  return diskFault(doing, path, { code: 'EBADF: the file was closed here' });
}

/** What went wrong, if something did. */
function closeDescriptor(fd: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    close(fd, (cause) => resolve(cause ?? undefined));
  });
}

/** Writes until all is there; `done` gets what went wrong instead. */
function writeChunks(
  fd: number,
  position: number,
  chunks: readonly Uint8Array[],
  done: (cause?: unknown) => void,
): void {
  const left = chunks.filter((chunk) => chunk.length > 0);
  if (left.length === 0) {
    queueMicrotask(done);
    return;
  }
  writev(fd, batchOf(left), position, (cause, count) => {
    if (cause !== null) done(cause);
    else if (count === 0) done({ code: 'nothing taken' });
    else {
      const rest = without(left, count);
      if (rest.length === 0) done();
      else writeChunks(fd, position + count, rest, done);
    }
  });
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
