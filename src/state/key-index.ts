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
/** How full it may be, removed places included, before it is made anew. */
const FULL_SHARE = 0.75;

/** What stands in a place instead of a slot plus one. */
const EMPTY = 0;
const REMOVED: number = -1;

export class KeyIndex {
  readonly #slots: KeySlots;
  /** Hash and slot plus one, two numbers a place. */
  #places: Int32Array = new Int32Array(2 * PLACES_MIN);
  #mask = PLACES_MIN - 1;
  /** Places that are not empty. */
  #used = 0;
  #size = 0;
  /** Slot and hash of the keys that found no place. */
  readonly #leftOut: Map<KeySlot, number> = new Map();

  constructor(slots: KeySlots) {
    this.#slots = slots;
  }

  /** The slot of the key that is `bytes` from `start` to `end`; NO_SLOT, or ASK_TREE. */
  find(hash: number, bytes: Uint8Array, start: number, end: number): KeySlot {
    const places = this.#places;
    const mask = this.#mask;
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const at = (((hash & mask) + probe) & mask) * 2;
      const entry = places[at + 1] as number;
      if (entry === EMPTY) return NO_SLOT;
      if (entry === REMOVED || places[at] !== hash) continue;
      if (this.#slots.isKey(bytes, start, end, entry - 1)) return entry - 1;
    }
    return this.#leftOut.size === 0 ? NO_SLOT : ASK_TREE;
  }

  /** The slot that points to the record `ref`, whose key has that hash; NO_SLOT, or ASK_TREE. */
  findRecord(hash: number, ref: RecordRef): KeySlot {
    const mask = this.#mask;
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const at = (((hash & mask) + probe) & mask) * 2;
      const entry = this.#places[at + 1] as number;
      if (entry === EMPTY) return NO_SLOT;
      if (entry === REMOVED || this.#places[at] !== hash) continue;
      if (this.#slots.ref(entry - 1) === ref) return entry - 1;
    }
    return this.#leftOut.size === 0 ? NO_SLOT : ASK_TREE;
  }

  /** The key of `slot` is not in it. */
  add(hash: number, slot: KeySlot): void {
    if (this.#used + 1 > (this.#mask + 1) * FULL_SHARE) this.#renew();
    this.#size++;
    this.#place(hash, slot);
  }

  /** The key of `slot` is in it. */
  remove(hash: number, slot: KeySlot): void {
    this.#size--;
    if (this.#leftOut.delete(slot)) return;
    const mask = this.#mask;
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const at = (((hash & mask) + probe) & mask) * 2;
      if (this.#places[at + 1] !== slot + 1) continue;
      this.#places[at + 1] = REMOVED;
      return;
    }
    assert(false, 'a key that is taken out was in the index', { slot });
  }

  #place(hash: number, slot: KeySlot): void {
    const mask = this.#mask;
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const at = (((hash & mask) + probe) & mask) * 2;
      const entry = this.#places[at + 1] as number;
      if (entry > EMPTY) continue;
      if (entry === EMPTY) this.#used++;
      this.#places[at] = hash;
      this.#places[at + 1] = slot + 1;
      return;
    }
    this.#leftOut.set(slot, hash);
  }

  /** At most half full, without the places that were removed. */
  #renew(): void {
    const before = this.#places;
    let count = PLACES_MIN;
    while (this.#size * 2 > count) count *= 2;
    this.#places = new Int32Array(2 * count);
    this.#mask = count - 1;
    this.#used = 0;
    const leftOut = [...this.#leftOut];
    this.#leftOut.clear();
    for (const [slot, hash] of leftOut) this.#place(hash, slot);
    for (let at = 0; at < before.length; at += 2) {
      const entry = before[at + 1] as number;
      if (entry > EMPTY) this.#place(before[at] as number, entry - 1);
    }
  }
}
