/**
 * Where a key is, by hash: a table of open addresses beside the tree of keys.
 *
 * The tree finds a key in some eighteen comparisons, each of them memory that is not in the processor's
 * caches once there are many keys. Here it is one place of the table and the record itself. A place is
 * the key's hash and its slot (key-slots.ts), so that a comparison that fails needs no record.
 *
 * Keys come from clients, and whoever knows the hash can make thousands that have the same one. So a key
 * stands within PROBES_MAX places of where its hash points, or not in the table at all: `find` then says
 * ASK_TREE, and the worst that such keys can do is to be found as slowly as without a table. The rule
 * that makes it sound: a place that was taken never becomes empty again, only `REMOVED`, until the table
 * is made anew with all keys. So a key that is left out of the table has no empty place on its way, and
 * an empty place on the way means that there is no such key.
 *
 * Nothing here is seen in an answer or in a snapshot: it may differ between replicas.
 */
import { assert } from '../errors.ts';
import type { KeySlot, KeySlots } from './key-slots.ts';
import type { RecordRef } from './record-slabs.ts';
import { NO_SLOT } from './tree-nodes.ts';

/** The answer of `find` that only the tree can give. */
export const ASK_TREE: number = -2;

const PLACES_MIN = 256;
/** More than a table that is three quarters full needs, save once in a very long while. */
const PROBES_MAX = 64;
/** How full it may be, removed places included, before it gives way to another. */
const FULL_SHARE = 0.75;
/**
 * Places looked at for each key that is added. A new table is at least half as large as the old one and
 * at most half full once all are moved: with this many, that is long before it is full itself.
 */
const PLACES_MOVED = 16;

/** What stands in a place instead of a slot plus one. */
const EMPTY = 0;
const REMOVED: number = -1;

interface Table {
  /** Hash and slot plus one, two numbers a place. */
  readonly places: Int32Array;
  readonly mask: number;
}

export class KeyIndex {
  readonly #slots: KeySlots;
  #table: Table = newTable(PLACES_MIN);
  /** Of `#table`, those that are not empty. */
  #used = 0;
  #size = 0;
  /** The one before, while keys of it are left, which are behind `#movedTo`. */
  #old: Table | undefined;
  #movedTo = 0;
  /** Slot and hash of the keys that found no place. */
  readonly #leftOut: Map<KeySlot, number> = new Map();

  constructor(slots: KeySlots) {
    this.#slots = slots;
  }

  /** Of an empty index: makes room for so many keys at once. */
  reserve(keys: number): void {
    assert(this.#size === 0, 'room is made before the first key comes', { size: this.#size });
    this.#table = newTable(placesFor(keys));
    this.#used = 0;
    this.#old = undefined;
  }

  /** The slot of the key that is `bytes` from `start` to `end`; NO_SLOT, or ASK_TREE. */
  find(hash: number, bytes: Uint8Array, start: number, end: number): KeySlot {
    const slot = this.#find(this.#table, hash, bytes, start, end);
    if (slot !== NO_SLOT || this.#old === undefined) return slot;
    return this.#find(this.#old, hash, bytes, start, end);
  }

  /** The slot that points to the record `ref`, whose key has that hash; NO_SLOT, or ASK_TREE. */
  findRecord(hash: number, ref: RecordRef): KeySlot {
    const slot = this.#findRecord(this.#table, hash, ref);
    if (slot !== NO_SLOT || this.#old === undefined) return slot;
    return this.#findRecord(this.#old, hash, ref);
  }

  /** The key of `slot` is not in it. */
  add(hash: number, slot: KeySlot): void {
    if (this.#used + 1 > (this.#table.mask + 1) * FULL_SHARE) this.#renew();
    this.#size++;
    this.#place(hash, slot);
    if (this.#old !== undefined) this.#move(this.#old, PLACES_MOVED);
  }

  /** The key of `slot` is in it. */
  remove(hash: number, slot: KeySlot): void {
    this.#size--;
    if (this.#leftOut.delete(slot)) return;
    if (takeOut(this.#table, hash, slot)) return;
    const wasInOld = this.#old !== undefined && takeOut(this.#old, hash, slot);
    assert(wasInOld, 'a key that is taken out was in the index', { slot });
  }

  #find(
    { places, mask }: Table,
    hash: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): KeySlot {
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const at = (((hash & mask) + probe) & mask) * 2;
      const entry = places[at + 1] as number;
      if (entry === EMPTY) return NO_SLOT;
      if (entry === REMOVED || places[at] !== hash) continue;
      if (this.#slots.isKey(bytes, start, end, entry - 1)) return entry - 1;
    }
    return this.#leftOut.size === 0 ? NO_SLOT : ASK_TREE;
  }

  #findRecord({ places, mask }: Table, hash: number, ref: RecordRef): KeySlot {
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const at = (((hash & mask) + probe) & mask) * 2;
      const entry = places[at + 1] as number;
      if (entry === EMPTY) return NO_SLOT;
      if (entry === REMOVED || places[at] !== hash) continue;
      if (this.#slots.ref(entry - 1) === ref) return entry - 1;
    }
    return this.#leftOut.size === 0 ? NO_SLOT : ASK_TREE;
  }

  #place(hash: number, slot: KeySlot): void {
    const { places, mask } = this.#table;
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const at = (((hash & mask) + probe) & mask) * 2;
      const entry = places[at + 1] as number;
      if (entry > EMPTY) continue;
      if (entry === EMPTY) this.#used++;
      places[at] = hash;
      places[at + 1] = slot + 1;
      return;
    }
    this.#leftOut.set(slot, hash);
  }

  /** Begins with another table, in which nothing was removed. */
  #renew(): void {
    if (this.#old !== undefined) this.#move(this.#old, this.#old.mask + 1);
    const places = this.#table.mask + 1;
    this.#old = this.#table;
    this.#movedTo = 0;
    this.#table = newTable(Math.max(placesFor(this.#size), places / 2));
    this.#used = 0;
    const leftOut = [...this.#leftOut];
    this.#leftOut.clear();
    for (const [slot, hash] of leftOut) this.#place(hash, slot);
  }

  #move({ places }: Table, count: number): void {
    const to = Math.min(this.#movedTo + 2 * count, places.length);
    for (let at = this.#movedTo; at < to; at += 2) {
      const entry = places[at + 1] as number;
      if (entry <= EMPTY) continue;
      // Not empty, or who is behind it would not be found any more.
      places[at + 1] = REMOVED;
      this.#place(places[at] as number, entry - 1);
    }
    this.#movedTo = to;
    if (to === places.length) this.#old = undefined;
  }
}

function newTable(count: number): Table {
  return { places: new Int32Array(2 * count), mask: count - 1 };
}

/** A power of two, of which they fill at most half. */
function placesFor(keys: number): number {
  let count = PLACES_MIN;
  while (keys * 2 > count) count *= 2;
  return count;
}

/** False: it is not in there. */
function takeOut({ places, mask }: Table, hash: number, slot: KeySlot): boolean {
  for (let probe = 0; probe < PROBES_MAX; probe++) {
    const at = (((hash & mask) + probe) & mask) * 2;
    const entry = places[at + 1] as number;
    if (entry === EMPTY) return false;
    if (entry !== slot + 1) continue;
    places[at + 1] = REMOVED;
    return true;
  }
  return false;
}
