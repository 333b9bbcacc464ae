/**
 * The barest durable log: bytes at the end of a file that has its length already. Whatever comes while a write
 * is under way waits, and is written as one piece after it: group commit.
 *
 * A write is made durable in either of two ways: fdatasync after it, which is a second trip to the pool of
 * threads; or a descriptor opened with O_DSYNC, on which the write itself returns when it is durable. Which is
 * faster depends on disk and load, so both are measured, and the faster one is the ceiling.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Written round and round: only its speed is of interest. */
const FILE_BYTES = 64 * 2 ** 20;
const FILL_BYTES = 2 ** 20;

export const SYNC_WAYS = ['fdatasync', 'O_DSYNC'] as const;
export type SyncWay = (typeof SYNC_WAYS)[number];

export class GroupLog {
  readonly #file: FileHandle;
  #offset = 0;
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #isBusy = false;
  /** Called with how many bytes are durable by now, in all. */
  onDurable: (bytes: number) => void = () => {};
  #durable = 0;

  readonly #way: SyncWay;

  private constructor(file: FileHandle, way: SyncWay) {
    this.#file = file;
    this.#way = way;
  }

  static async open(path: string, way: SyncWay): Promise<GroupLog> {
    const file = await open(path, 'w+');
    const zeros = new Uint8Array(FILL_BYTES);
    for (let at = 0; at < FILE_BYTES; at += FILL_BYTES) await file.write(zeros, 0, FILL_BYTES, at);
    await file.sync();
    if (way === 'fdatasync') return new GroupLog(file, way);
    await file.close();
    return new GroupLog(await open(path, constants.O_WRONLY | constants.O_DSYNC), way);
  }

  append(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    if (!this.#isBusy) void this.#write();
  }

  async #write(): Promise<void> {
    this.#isBusy = true;
    while (this.#waiting.length > 0) {
      const pieces = this.#waiting;
      const bytes = this.#bytes;
      this.#waiting = [];
      this.#bytes = 0;
      if (this.#offset + bytes > FILE_BYTES) this.#offset = 0;
      await this.#file.writev(pieces, this.#offset);
      if (this.#way === 'fdatasync') await this.#file.datasync();
      this.#offset += bytes;
      this.#durable += bytes;
      this.onDurable(this.#durable);
    }
    this.#isBusy = false;
  }
}
