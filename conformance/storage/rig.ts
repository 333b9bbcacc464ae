/**
 * What the author of a storage brings, so that the suite can open it, close it, and take its power away.
 */
import type { Storage } from '../../src/storage/index.ts';
import { checkOffers, checkParts, type PartRule } from '../kit/index.ts';

/** One data folder, or whatever plays its part. The suite asks for a fresh one in each case. */
export interface StoragePlace {
  /**
   * Opens what lies here; the first time that is nothing. Called again only after the storage was
   * closed, or after `crash`.
   */
  open(): Promise<Storage>;
  /**
   * Ability `crash`. The power goes, at this very moment, whatever the storage is doing: everything that was promised must
   * be there at the next `open`, and whatever was not may be lost or not, as a disk would have it. The
   * storage that was open is dead: it writes nothing more, and its promises need not settle. The suite
   * does this in the middle of writes, many times over.
   */
  crash?(): Promise<void> | void;
  /** Ability `hold`. From now on nothing becomes durable until `release`: a disk that takes its time. */
  hold?(): void;
  /** Ability `hold`. The disk goes on: what waited becomes durable, in order. */
  release?(): void;
  /** Ability `failWrites`. The next write or sync of the log fails as a broken or full disk would make it. */
  failWrites?(): void;
  /** Gives back what the place took. The storage is closed, or dead. */
  discard?(): Promise<void> | void;
}

/** What a place can do to its storage beyond opening it. */
export type StorageAbility = 'crash' | 'hold' | 'failWrites';

/** How the suite gets storages. */
export interface StorageRig {
  /**
   * Cases that need another ability are skipped, and say so. Without `crash` nothing is shown about
   * what a power cut leaves: do not use such a storage for a node that must not forget.
   */
  readonly offers: readonly StorageAbility[];
  /** A fresh, empty place. Several may be in use at the same time. */
  place(): Promise<StoragePlace> | StoragePlace;
  /** How often cases that crash in the middle of a write do it, each time a little later. Default 12. */
  readonly crashRounds?: number;
}

/** Of each ability, the methods of a place that it stands for. */
const METHODS_OF: Readonly<Record<StorageAbility, readonly (keyof StoragePlace)[]>> = {
  crash: ['crash'],
  hold: ['hold', 'release'],
  failWrites: ['failWrites'],
};

/** Throws CONFIG_INVALID, naming the field. */
export function checkRig(rig: StorageRig): void {
  checkParts('rig', rig, {
    place: { type: 'function', what: 'a function that gives a fresh, empty StoragePlace' },
    crashRounds: { type: 'count', what: 'a whole number from 1 on', isOptional: true },
  });
  checkOffers(rig.offers, Object.keys(METHODS_OF));
}

/** The same for what `place` gave. */
export function checkPlace(place: StoragePlace, offers: readonly StorageAbility[]): void {
  const rules: Record<string, PartRule> = {
    open: { type: 'function', what: 'a function that opens the storage that lies there' },
    discard: { type: 'function', what: 'a function, or absent', isOptional: true },
  };
  for (const ability of offers) {
    const what = `a function, as rig.offers lists "${ability}"`;
    for (const name of METHODS_OF[ability]) rules[name] = { type: 'function', what };
  }
  checkParts('rig.place()', place, rules);
}
