/**
 * An open file of a simulated disk. All that is done to one file, through whichever descriptor, stands in
 * one lane. A descriptor that was closed is refused at once, as the process itself knows it.
 */
import { DiskError, type DiskFile } from '../../src/world/index.ts';
import type { DiskWork } from './disk-lanes.ts';
import type { Inode } from './memory-inode.ts';
import type { SimDisk } from './sim-disk.ts';

export class SimFile implements DiskFile {
  readonly #disk: SimDisk;
  readonly #inode: Inode;
  #isClosed = false;

  constructor(disk: SimDisk, inode: Inode) {
    this.#disk = disk;
    this.#inode = inode;
  }

  read(position: number, length: number): Promise<Uint8Array> {
    const disk = this.#disk;
    const inode = this.#inode;
    const effect = (): Uint8Array => {
      disk.strikeRead(inode.path);
      const bytes = inode.read(position, length);
      disk.note('read', inode.path, position, bytes.length);
      return bytes;
    };
    return this.#run({ latency: 'read', bytes: length, effect });
  }

  write(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    return this.#run(this.#writing(position, chunks));
  }

  sync(): Promise<void> {
    return this.#run(this.#syncing());
  }

  writeAndSync(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#isClosed) return this.#refused();
    const writing = this.#writing(position, chunks);
    return this.#disk.lanes.runBoth(this.#inode, writing, this.#syncing());
  }

  truncate(size: number): Promise<void> {
    const effect = (): void => this.#disk.truncate(this.#inode, size);
    return this.#run({ latency: 'write', bytes: 0, effect });
  }

  size(): Promise<number> {
    return this.#run({ latency: 'read', bytes: 0, effect: () => this.#inode.size });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    const closing = this.#run({ latency: 'read', bytes: 0, effect: () => {} });
    this.#isClosed = true;
    await closing;
    this.#disk.openFiles -= 1;
  }

  #writing(position: number, chunks: readonly Uint8Array[]): DiskWork<void> {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    const effect = (): void => this.#disk.write(this.#inode, position, chunks, bytes);
    return { latency: 'write', bytes, effect };
  }

  #syncing(): DiskWork<void> {
    return { latency: 'sync', bytes: 0, effect: () => this.#disk.sync(this.#inode) };
  }

  #run<T>(work: DiskWork<T>): Promise<T> {
    return this.#isClosed ? this.#refused() : this.#disk.lanes.run(this.#inode, work);
  }

  #refused(): Promise<never> {
    const { path } = this.#inode;
    return Promise.reject(new DiskError('failed', path, `${path} was closed`));
  }
}
