/**
 * One file of the disk in memory (memory-tree.ts): what programs see of it, and what of that a power cut
 * would leave. The unit is the sector, which a disk writes wholly or not at all; which of the unsynced
 * ones reach the disk is the dice's choice, and they may reach it in the wrong place.
 *
 * Kept is what programs see, whole, and beside it the durable content of those sectors that differ from
 * it: so a sync only forgets, and costs nothing. Copies of a file (a crash, a picture) share the bytes
 * until one of them is written to. A sector's durable content, once kept, is never changed in place.
 */

/** The disk writes a sector wholly or not at all. */
export const SECTOR_BYTES = 512;
const FIRST_BYTES = 4096;
const NO_BYTES: Buffer = Buffer.alloc(0);
/** The durable content of a place that was never written. */
const ZERO_SECTOR: Buffer = Buffer.alloc(SECTOR_BYTES);

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

/** What programs had seen on the disk, and the power cut has taken. */
export interface CutLosses {
  /** Units of the disk (sectors) that hold other bytes than those written last. */
  readonly sectors: number;
  /** Files that have another size. */
  readonly sizes: number;
  /** Changes of names that did not happen: files that came, went or were renamed. */
  readonly names: number;
}

/** A file's two pictures. Bytes behind `size` are zero in both. */
export class Inode {
  /** Where it lies now: an open file follows its renames. */
  path = '';
  /** It has a name: its bytes count. Kept by the tree. */
  isLinked = false;
  #size = 0;
  #bytes: Buffer = NO_BYTES;
  /** Another file's `#bytes` are the same buffer. */
  #isShared = false;
  /** Durable content of the sectors that were written since the last sync, or whose sync failed. */
  #old: Map<number, Buffer> = new Map();
  /** Sectors of a failed sync: clean in the page cache, unknown on the disk, until written again. */
  #lost: Set<number> = new Set();
  #safeSize = 0;
  /** Sizes that the file had since the last sync. */
  #sizes: number[] = [];

  get size(): number {
    return this.#size;
  }

  /** A copy of what programs see. */
  read(position: number, length: number): Buffer {
    const end = Math.min(this.#size, position + length);
    return Buffer.from(this.#bytes.subarray(Math.min(position, end), end));
  }

  /** The first `length` bytes of the chunks, one after the other: one write, and one new size. */
  write(position: number, chunks: readonly Uint8Array[], length: number): void {
    if (length === 0) return;
    const end = position + length;
    this.#own(end);
    this.#preserve(position, end);
    let at = position;
    for (const chunk of chunks) {
      const fits = at + chunk.length <= end ? chunk : chunk.subarray(0, end - at);
      this.#bytes.set(fits, at);
      at += fits.length;
    }
    if (end > this.#size) this.#setSize(end);
  }

  resize(size: number): void {
    if (size === this.#size) return;
    this.#own(size);
    if (size < this.#size) {
      this.#preserve(size, this.#size);
      this.#bytes.fill(0, size, this.#size);
    }
    this.#setSize(size);
  }

  /** Other bytes, durable at once. */
  replace(bytes: Uint8Array): void {
    this.#bytes = Buffer.from(bytes);
    this.#isShared = false;
    this.#size = bytes.length;
    this.settle();
  }

  failSync(): void {
    for (const sector of this.#old.keys()) this.#lost.add(sector);
  }

  sync(): void {
    if (this.#lost.size === 0) {
      this.#old.clear();
    } else {
      for (const sector of this.#old.keys()) {
        if (!this.#lost.has(sector)) this.#old.delete(sector);
      }
    }
    this.#sizes = [];
    this.#safeSize = this.#size;
  }

  /** Everything as it is now is on the disk. */
  settle(): void {
    this.#old.clear();
    this.#lost.clear();
    this.#sizes = [];
    this.#safeSize = this.#size;
  }

  /** One bit of one byte is another one, in both pictures. */
  flip(offset: number, bit: number): void {
    this.#own(0);
    this.#bytes[offset] = this.#bytes[offset]! ^ (1 << bit); // the caller keeps within the size
    const sector = Math.floor(offset / SECTOR_BYTES);
    const old = this.#old.get(sector);
    if (old === undefined) return;
    const copy = Buffer.alloc(SECTOR_BYTES);
    old.copy(copy);
    const at = offset - sector * SECTOR_BYTES;
    copy[at] = copy[at]! ^ (1 << bit);
    this.#old.set(sector, copy);
  }

  /** The file after a power cut. */
  afterCrash(dice: Dice, how: PowerCut): { readonly inode: Inode; readonly losses: CutLosses } {
    const sizes = [this.#safeSize, ...this.#sizes];
    const size = sizes[dice.below(sizes.length)]!; // there is at least the durable one
    const after = this.#twin();
    let sectors = 0;
    const unitBytes = how.sectorBytes ?? SECTOR_BYTES;
    const units = unitsOf(this.#old.keys(), unitBytes);
    for (const unit of units) {
      const at = unit * unitBytes;
      // Own old content, own new content; or, misdirected, the new content of another one.
      const strangers =
        how.misplaces === true && this.#isFresh(at, unitBytes)
          ? units.filter((other) => other !== unit)
          : [];
      const choice = dice.below(2 + strangers.length);
      if (choice === 1) continue;
      if (choice === 0) after.#restore(this.#old, at, unitBytes);
      else after.#copyUnit(this.#bytes, strangers[choice - 2]! * unitBytes, at, unitBytes);
      if (!isSame(this.#bytes, after.#bytes, at, unitBytes)) sectors += 1;
    }
    after.resize(size);
    after.settle();
    return { inode: after, losses: { sectors, sizes: size === this.#size ? 0 : 1, names: 0 } };
  }

  /** The file after the death of the process: the page cache lives on. */
  afterKill(): Inode {
    const after = this.#twin();
    after.#old = new Map(this.#old);
    after.#lost = new Set(this.#lost);
    after.#safeSize = this.#safeSize;
    after.#sizes = [...this.#sizes];
    return after;
  }

  /** What programs see, all of it durable. */
  #twin(): Inode {
    const twin = new Inode();
    twin.#bytes = this.#bytes;
    twin.#isShared = true;
    this.#isShared = true;
    twin.#size = this.#size;
    twin.#safeSize = this.#size;
    return twin;
  }

  #setSize(size: number): void {
    this.#size = size;
    this.#sizes.push(size);
  }

  /** Before bytes change: what of them is durable is kept. */
  #preserve(from: number, to: number): void {
    const end = Math.ceil(to / SECTOR_BYTES);
    for (let sector = Math.floor(from / SECTOR_BYTES); sector < end; sector++) {
      if (!this.#old.has(sector)) {
        const at = sector * SECTOR_BYTES;
        // Zeros lie behind the end.
        const bytes = this.#bytes.subarray(at, at + SECTOR_BYTES);
        this.#old.set(sector, at >= this.#size ? ZERO_SECTOR : Buffer.from(bytes));
      } else if (this.#lost.size > 0) {
        this.#lost.delete(sector);
      }
    }
  }

  #restore(old: ReadonlyMap<number, Buffer>, at: number, unitBytes: number): void {
    this.#own(0);
    const end = (at + unitBytes) / SECTOR_BYTES;
    for (let sector = at / SECTOR_BYTES; sector < end; sector++) {
      old.get(sector)?.copy(this.#bytes, sector * SECTOR_BYTES);
    }
  }

  #copyUnit(source: Buffer, from: number, at: number, unitBytes: number): void {
    this.#own(0);
    this.#bytes.fill(0, at, Math.min(at + unitBytes, this.#bytes.length));
    source.copy(this.#bytes, at, from, Math.min(from + unitBytes, source.length));
  }

  /** Nothing that was synced lies there. */
  #isFresh(from: number, bytes: number): boolean {
    for (let at = from; at < from + bytes; at += SECTOR_BYTES) {
      const safe = this.#old.get(at / SECTOR_BYTES) ?? this.#bytes.subarray(at, at + SECTOR_BYTES);
      if (!safe.equals(ZERO_SECTOR.subarray(0, safe.length))) return false;
    }
    return true;
  }

  /** The bytes are this file's alone, and there is room up to `end`. */
  #own(end: number): void {
    const { length } = this.#bytes;
    if (end > length) {
      const grown = Buffer.alloc(Math.max(end, length * 2, FIRST_BYTES));
      this.#bytes.copy(grown);
      this.#bytes = grown;
    } else if (this.#isShared) {
      this.#bytes = Buffer.from(this.#bytes);
    }
    this.#isShared = false;
  }
}

/** The units of the disk in which the sectors lie, each once. */
function unitsOf(sectors: Iterable<number>, unitBytes: number): number[] {
  const units = new Set<number>();
  for (const sector of sectors) units.add(Math.floor((sector * SECTOR_BYTES) / unitBytes));
  return [...units];
}

function isSame(one: Buffer, other: Buffer, at: number, bytes: number): boolean {
  return one.subarray(at, at + bytes).equals(other.subarray(at, at + bytes));
}
