/**
 * An open file of the power-loss disk: one of perhaps several views of a node. It keeps no state but
 * whether it is open and for what, so that two openings of a file see each other's writes.
 */
import type { PowerLossNode } from './power-loss-node.ts';
import { DiskError, type DiskFile } from './types.ts';

/** What an open file needs of the disk that it belongs to. */
export interface NodeOwner {
  /** Runs `work` behind everything that was asked for earlier. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** Makes a change of the node's content, and accounts for the memory that it takes. */
  changed(node: PowerLossNode, change: () => void): Promise<void>;
  syncNode(node: PowerLossNode): Promise<void>;
  closed(node: PowerLossNode): Promise<void>;
}

export class PowerLossFile implements DiskFile {
  readonly #disk: NodeOwner;
  readonly #node: PowerLossNode;
  readonly #path: string;
  readonly #isWritable: boolean;
  #isClosed = false;

  constructor(disk: NodeOwner, node: PowerLossNode, path: string, isWritable: boolean) {
    this.#disk = disk;
    this.#node = node;
    this.#path = path;
    this.#isWritable = isWritable;
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return this.#inTurn(() => this.#node.read(position, length));
  }

  write(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    return this.#inTurn(() => this.#write(position, chunks));
  }

  sync(): Promise<void> {
    return this.#inTurn(() => this.#disk.syncNode(this.#node));
  }

  writeAndSync(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    return this.#inTurn(async () => {
      await this.#write(position, chunks);
      await this.#disk.syncNode(this.#node);
    });
  }

  truncate(size: number): Promise<void> {
    return this.#inTurn(() => {
      this.#mustBeWritable();
      return this.#disk.changed(this.#node, () => this.#node.truncate(size));
    });
  }

  size(): Promise<number> {
    return this.#inTurn(async () => this.#node.size);
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const done = this.#inTurn(() => this.#disk.closed(this.#node));
    this.#isClosed = true;
    return done;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) {
      return Promise.reject(new DiskError('failed', this.#path, `${this.#path} was closed here`));
    }
    return this.#disk.inTurn(work);
  }

  async #write(position: number, chunks: readonly Uint8Array[]): Promise<void> {
    this.#mustBeWritable();
    await this.#disk.changed(this.#node, () => this.#node.write(position, chunks));
  }

  #mustBeWritable(): void {
    if (this.#isWritable) return;
    throw new DiskError('denied', this.#path, `${this.#path} was opened for reading only`);
  }
}
