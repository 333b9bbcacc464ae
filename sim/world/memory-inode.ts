/**
 * One file of the disk in memory (memory-disk.ts): what programs see of it, and what of that a power cut
 * would leave. The unit is the sector, which a disk writes wholly or not at all; which of the unsynced
 * ones reach the disk is the dice's choice, and they may reach it in the wrong place.
 */

/** The disk writes a sector wholly or not at all. */
export const SECTOR_BYTES = 512;

/** What is needed of a source of randomness. */
export interface Dice {
  /** A whole number in `[0, bound)`. */
  below(bound: number): number;
}

export interface PowerCut {
  /** What this disk writes wholly or not at all; a multiple of 512. */
  readonly sectorBytes?: number;
  /**
   * Sectors that were not synced may also arrive at the place of one another: repeated, reordered. A
   * place that holds synced bytes is spared: losing those is damage, not a power cut.
   */
  readonly misplaces?: boolean;
}

/** A file's two pictures. Bytes behind `size` are zero in both. */
export class Inode {
  /** Where it lies now: an open file follows its renames. */
  path = '';
  now: Buffer = Buffer.alloc(0);
  size = 0;
  safe: Buffer = Buffer.alloc(0);
  safeSize = 0;
  /** Sectors written since the last sync, and the sizes that the file had since. */
  readonly dirty: Set<number> = new Set();
  sizes: number[] = [];
  /** Sectors of a failed sync: clean in the page cache, unknown on the disk, until written again. */
  readonly lost: Set<number> = new Set();

  write(position: number, bytes: Uint8Array): void {
    const end = position + bytes.length;
    this.#grow(end);
    this.now.set(bytes, position);
    this.#markDirty(position, end);
    if (end > this.size) this.resize(end);
  }

  resize(size: number): void {
    this.#grow(size);
    if (size < this.size) {
      this.now.fill(0, size, this.size);
      this.#markDirty(size, this.size);
    }
    if (size !== this.size) this.sizes.push(size);
    this.size = size;
  }

  failSync(): void {
    for (const sector of this.dirty) this.lost.add(sector);
    this.dirty.clear();
  }

  sync(): void {
    if (this.safe.length < this.now.length) {
      this.safe = Buffer.concat([this.safe, Buffer.alloc(this.now.length - this.safe.length)]);
    }
    for (const sector of this.dirty) this.#keep(sector);
    this.dirty.clear();
    this.sizes = [];
    this.safeSize = this.size;
  }

  /** The file after a power cut. */
  afterCrash(dice: Dice, how: PowerCut): Inode {
    const after = new Inode();
    const sizes = [this.safeSize, ...this.sizes];
    const size = sizes[dice.below(sizes.length)]!;
    after.now = Buffer.alloc(Math.max(this.now.length, this.safe.length));
    this.safe.copy(after.now);
    const unitBytes = how.sectorBytes ?? SECTOR_BYTES;
    const sectors = [...this.dirty, ...this.lost];
    const units = [...new Set(sectors.map((at) => Math.floor((at * SECTOR_BYTES) / unitBytes)))];
    for (const unit of units) {
      const at = unit * unitBytes;
      // Own old content, own new content; or, misdirected, the new content of another one.
      const strangers =
        how.misplaces === true && this.#isFresh(at, unitBytes)
          ? units.filter((other) => other !== unit)
          : [];
      const choice = dice.below(2 + strangers.length);
      if (choice === 0) continue;
      const from = choice === 1 ? at : strangers[choice - 2]! * unitBytes;
      after.now.fill(0, at, Math.min(at + unitBytes, after.now.length));
      this.now.copy(after.now, at, from, Math.min(from + unitBytes, this.now.length));
    }
    after.now.fill(0, size);
    after.size = size;
    after.settle();
    return after;
  }

  /** Nothing that was synced lies there. */
  #isFresh(from: number, bytes: number): boolean {
    return this.safe.subarray(from, from + bytes).every((byte) => byte === 0);
  }

  /** The file after the death of the process: the page cache lives on. */
  afterKill(): Inode {
    const after = new Inode();
    after.now = Buffer.from(this.now);
    after.size = this.size;
    after.safe = Buffer.from(this.safe);
    after.safeSize = this.safeSize;
    for (const sector of this.dirty) after.dirty.add(sector);
    after.sizes = [...this.sizes];
    for (const sector of this.lost) after.lost.add(sector);
    return after;
  }

  /** Everything as it is now is on the disk. */
  settle(): void {
    this.safe = Buffer.from(this.now);
    this.safeSize = this.size;
    this.dirty.clear();
    this.lost.clear();
    this.sizes = [];
  }

  #keep(sector: number): void {
    const at = sector * SECTOR_BYTES;
    this.now.copy(this.safe, at, at, Math.min(at + SECTOR_BYTES, this.now.length));
  }

  #markDirty(from: number, to: number): void {
    const last = Math.ceil(to / SECTOR_BYTES);
    for (let sector = Math.floor(from / SECTOR_BYTES); sector < last; sector++) {
      this.dirty.add(sector);
      this.lost.delete(sector);
    }
  }

  #grow(size: number): void {
    if (size <= this.now.length) return;
    const grown = Buffer.alloc(Math.max(size, this.now.length * 2, 4096));
    this.now.copy(grown);
    this.now = grown;
  }
}
