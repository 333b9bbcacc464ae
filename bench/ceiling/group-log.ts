/**
 * The barest durable log: bytes at the end of a file that has its length already, and fdatasync. Whatever
 * comes while a sync is under way waits, and is written as one piece after it: group commit.
 */
import { type FileHandle, open } from 'node:fs/promises';

/** Written round and round: only its speed is of interest. */
const FILE_BYTES = 64 * 2 ** 20;
const FILL_BYTES = 2 ** 20;

export class GroupLog {
  readonly #file: FileHandle;
  #offset = 0;
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #isBusy = false;
  /** Called with how many bytes are durable by now, in all. */
  onDurable: (bytes: number) => void = () => {};
  #durable = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<GroupLog> {
    const file = await open(path, 'w+');
    const zeros = new Uint8Array(FILL_BYTES);
    for (let at = 0; at < FILE_BYTES; at += FILL_BYTES) await file.write(zeros, 0, FILL_BYTES, at);
    await file.sync();
    return new GroupLog(file);
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
      await this.#file.datasync();
      this.#offset += bytes;
      this.#durable += bytes;
      this.onDurable(this.#durable);
    }
    this.#isBusy = false;
  }
}
