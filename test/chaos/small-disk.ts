/**
 * A file system of a few MiB for one node, so that it can really be full. It lives in memory, and needs the
 * right to mount. Where that is missing the fault is left out, and the run says so.
 *
 * It is filled up by a file of ours, which takes what room there is; the node then meets the end of the disk
 * where it next asks for room. `relieve` takes the file away, as an operator would make room.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Room for some segments of the log with what is prepared ahead, and for snapshots; taken as it is used. */
const DISK_MIB = 400;
const PIECE_BYTES = 1024 * 1024;

export class SmallDisk {
  readonly path: string;
  #isGone = false;

  private constructor(path: string) {
    this.path = path;
  }

  /** On an empty folder. A text: why there is none. */
  static mount(path: string, mib: number = DISK_MIB): SmallDisk | string {
    const options = ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', path];
    const { status, error, stderr } = spawnSync('mount', options, { encoding: 'utf8' });
    if (status === 0) {
      const disk = new SmallDisk(path);
      process.on('exit', () => disk.unmount());
      return disk;
    }
    return error?.message ?? stderr.trim();
  }

  fill(): void {
    const piece = Buffer.alloc(PIECE_BYTES, 0x5a);
    for (;;) {
      const { bavail, bsize } = statfsSync(this.path);
      const left = Number(bavail) * Number(bsize);
      if (left === 0) return;
      try {
        writeFileSync(this.#filler, piece.subarray(0, Math.min(left, PIECE_BYTES)), { flag: 'a' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
        throw error;
      }
    }
  }

  relieve(): void {
    rmSync(this.#filler, { force: true });
  }

  /** What is on it, for somebody who looks for a fault later. */
  copyTo(folder: string): void {
    cpSync(this.path, folder, { recursive: true, filter: (path) => this.#isWorthKeeping(path) });
  }

  unmount(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    // Lazily: a process that was killed a moment ago may still be counted as its user.
    spawnSync('umount', ['-l', this.path]);
  }

  /** Sockets can not be copied. */
  #isWorthKeeping(path: string): boolean {
    const info = statSync(path);
    return path !== this.#filler && (info.isFile() || info.isDirectory());
  }

  get #filler(): string {
    return join(this.path, 'FILLER');
  }
}
