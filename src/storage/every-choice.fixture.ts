/**
 * Every disk that a power cut may leave, not only some of them: the dice that a cut is decided by are dealt
 * in all combinations, one after the other. Where there are too many (each unsynced sector doubles
 * them), the first ones, and a sample of all of them, the same one in every run.
 */
import { dice, type MemoryDisk } from '../../sim/rigs/storage-rig.ts';
import type { PowerCut } from '../../sim/world/memory-disk.ts';

/** Of one moment. */
const COMBINATIONS_MAX = 1024;

/** Deals every combination of choices, one after the other: an odometer whose wheels it finds by turning. */
class EveryChoice {
  #digits: number[] = [];
  #bounds: number[] = [];
  #at = 0;

  below(bound: number): number {
    const at = this.#at++;
    this.#bounds[at] = bound;
    this.#digits[at] ??= 0;
    return this.#digits[at];
  }

  /** False when all were dealt. */
  next(): boolean {
    this.#at = 0;
    for (let at = this.#digits.length - 1; at >= 0; at--) {
      if (this.#digits[at]! + 1 < this.#bounds[at]!) {
        this.#digits[at]!++;
        this.#digits.length = at + 1;
        this.#bounds.length = at + 1;
        return true;
      }
    }
    return false;
  }
}

/** Every disk that a power cut may leave of this one; `most` of them, when there are more. */
export function* afterPowerCut(
  picture: MemoryDisk,
  how: PowerCut,
  seed: number,
  most: number = COMBINATIONS_MAX,
): Generator<MemoryDisk> {
  const every = new EveryChoice();
  for (let dealt = 1; ; dealt++) {
    yield picture.picture().crash(every, how);
    if (!every.next()) return;
    if (dealt * 2 >= most) break;
  }
  const random = dice(seed);
  for (let sample = 0; sample * 2 < most; sample++) yield picture.picture().crash(random, how);
}
