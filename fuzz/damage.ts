/**
 * What a bad disk, a bad copy or a clumsy hand does to the files of a folder. Each damage is 12 bytes, so
 * that an input can be kept: kind, two files, nothing, two positions.
 */
import { type MemoryDisk, SECTOR_BYTES } from '../sim/world/memory-disk.ts';
import type { FuzzDice } from './dice.ts';
import { joined } from './mutate.ts';

const DAMAGE_BYTES = 12;
const KINDS = 11;

interface Damage {
  readonly kind: number;
  readonly path: string;
  readonly other: string;
  /** Inside the file. */
  readonly at: number;
  readonly extra: number;
}

/** One to three damages; half of them near the end of what was written. */
export function randomDamages(disk: MemoryDisk, dice: FuzzDice): Uint8Array {
  const paths = disk.paths();
  const damages: Uint8Array[] = [];
  for (let left = 1 + dice.below(3); left > 0; left--) {
    const file = dice.below(paths.length);
    const bytes = disk.peek(paths[file]!);
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === 0) end--;
    const near = Math.max(0, end - dice.below(Math.min(end + 1, 200)));
    const at = dice.oneIn(2) ? near : dice.below(end + 40);
    const extra = dice.oneIn(2) ? dice.below(64) : dice.below(2 ** 32);
    const damage = Buffer.alloc(DAMAGE_BYTES);
    damage.set([dice.below(KINDS), file, dice.below(paths.length)]);
    damage.writeUInt32LE(at, 4);
    damage.writeUInt32LE(extra, 8);
    damages.push(damage);
  }
  return joined(...damages);
}

/** Does all damages that `input` holds; answers the paths of the files that it may have changed. */
export async function inflict(disk: MemoryDisk, input: Uint8Array): Promise<Set<string>> {
  const touched = new Set<string>();
  for (let at = 0; at + DAMAGE_BYTES <= input.length; at += DAMAGE_BYTES) {
    const paths = disk.paths();
    if (paths.length === 0) break;
    const bytes = Buffer.from(input.subarray(at, at + DAMAGE_BYTES));
    const path = paths[bytes[1]! % paths.length]!;
    const other = paths[bytes[2]! % paths.length]!;
    touched.add(path);
    if (bytes[0]! % KINDS === 8) touched.add(other);
    const size = disk.peek(path).length;
    const position = bytes.readUInt32LE(4) % (size + 1);
    await damage(disk, {
      kind: bytes[0]! % KINDS,
      path,
      other,
      at: position,
      extra: bytes.readUInt32LE(8),
    });
  }
  return touched;
}

async function damage(disk: MemoryDisk, given: Damage): Promise<void> {
  const { kind, path, other, at, extra } = given;
  const bytes = disk.peek(path);
  const source = disk.peek(other);
  const sector = Math.floor(at / SECTOR_BYTES) * SECTOR_BYTES;
  const from = SECTOR_BYTES * (extra % (Math.floor(source.length / SECTOR_BYTES) + 1));
  switch (kind) {
    case 0:
      if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << (extra & 7));
      break;
    case 1:
      bytes.fill(0, at, Math.min(bytes.length, at + (extra % 1_500)));
      break;
    case 2:
      bytes.fill(0, sector, Math.min(bytes.length, sector + SECTOR_BYTES * (1 + (extra % 3))));
      break;
    case 3:
      bytes.fill(0, at);
      break;
    case 4:
      disk.poke(path, bytes.subarray(0, at));
      return;
    case 5:
      // A sector of another place, or of another file.
      source.copy(bytes, sector, from, from + SECTOR_BYTES);
      break;
    case 6:
      for (let i = 0; i <= extra % 16 && at + i < bytes.length; i++) bytes[at + i] = extra >>> i;
      break;
    case 7:
      disk.poke(path, Buffer.concat([bytes, Buffer.alloc(extra % 700, extra & 1 ? extra : 0)]));
      return;
    case 8:
      disk.poke(other, bytes);
      disk.poke(path, source);
      return;
    case 9:
      await disk.remove(path);
      return;
    default: {
      const next = sector + SECTOR_BYTES * (1 + (extra % 4));
      if (next >= bytes.length) break;
      const first = Buffer.from(bytes.subarray(sector, sector + SECTOR_BYTES));
      bytes.copy(bytes, sector, next, next + SECTOR_BYTES);
      first.copy(bytes, next);
    }
  }
  disk.poke(path, bytes);
}
