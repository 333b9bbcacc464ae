/**
 * The content of one file on the power-loss disk: what the base disk has, and the changes that were
 * made since the last sync, kept in memory in the order in which they were made.
 *
 * Reading lays the changes over the base's bytes. `flush` hands them down, in order, and is what both
 * a sync and memory pressure do; a kill in the middle of it leaves a prefix, as a disk would.
 */
import type { DiskFile } from './types.ts';

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly size: number };

export class PowerLossNode {
  /**
   * Where the bytes lie on the base disk: the file's own name, or a hidden one while the name is not
   * durable. `undefined`: nowhere yet. In paths as the user sees them, hidden folders not applied.
   */
  home: string | undefined;
  /** No name leads here any more (removed, or another file was renamed over it). */
  isOrphan = false;
  openCount = 0;
  handle: DiskFile | undefined;
  size: number;
  pendingBytes = 0;
  #changes: Change[] = [];

  constructor(home: string | undefined, size: number) {
    this.home = home;
    this.size = size;
  }

  get isClean(): boolean {
    return this.#changes.length === 0;
  }

  write(position: number, chunks: readonly Uint8Array[]): void {
    let at = position;
    for (const chunk of chunks) {
      // Writing nothing beyond the end does not make a file longer.
      if (chunk.length === 0) continue;
      // A copy (and not `slice`, which shares the memory if it is a Buffer): the caller may change its
      // chunk once we said that it was written.
      this.#changes.push({ kind: 'write', position: at, bytes: new Uint8Array(chunk) });
      this.pendingBytes += chunk.length;
      at += chunk.length;
      this.size = Math.max(this.size, at);
    }
  }

  truncate(size: number): void {
    this.#changes.push({ kind: 'truncate', size });
    this.size = size;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - position)));
    if (bytes.length === 0) return bytes;
    if (this.handle !== undefined) bytes.set(await this.handle.read(position, bytes.length));
    for (const change of this.#changes) {
      if (change.kind === 'write') overlay(bytes, position, change);
      else bytes.fill(0, Math.min(bytes.length, Math.max(0, change.size - position)));
    }
    return bytes;
  }

  /** The handle must be open for writing. Not a sync: that is the caller's next step. */
  async flush(handle: DiskFile): Promise<void> {
    let done = 0;
    try {
      for (const change of this.#changes) {
        if (change.kind === 'write') await handle.write(change.position, [change.bytes]);
        else await handle.truncate(change.size);
        done += 1;
      }
    } finally {
      this.#changes = this.#changes.slice(done);
      this.pendingBytes = this.#changes.reduce((sum, change) => sum + bytesOf(change), 0);
    }
  }

  forget(): void {
    this.#changes = [];
    this.pendingBytes = 0;
  }
}

function bytesOf(change: Change): number {
  return change.kind === 'write' ? change.bytes.length : 0;
}

/** Copies the part of a write that falls into `bytes`, which begins at `position` of the file. */
function overlay(
  bytes: Uint8Array,
  position: number,
  write: { readonly position: number; readonly bytes: Uint8Array },
): void {
  const from = Math.max(position, write.position);
  const to = Math.min(position + bytes.length, write.position + write.bytes.length);
  if (from >= to) return;
  bytes.set(write.bytes.subarray(from - write.position, to - write.position), from - position);
}
