/**
 * Which watches a changed key concerns, without asking each of them.
 *
 * Watches of one key and of a prefix are found by hash: the key itself, and its beginning in each of
 * the lengths that watched prefixes have (few, in practice). Only watches of other ranges are asked one
 * by one. Thousands of watches of other keys thus cost a put nothing, and without watches nothing at
 * all is done.
 */

import { asBuffer } from '../views.ts';
import { isPrefixRange, rangeHolds } from './key-ranges.ts';
import type { KvWatch } from './kv-watch.ts';

type WatchesByKey = Map<string, Set<KvWatch>>;

export class WatchIndex {
  readonly #all: Set<KvWatch> = new Set();
  readonly #byKey: WatchesByKey = new Map();
  readonly #byPrefix: Map<number, WatchesByKey> = new Map();
  readonly #others: Set<KvWatch> = new Set();

  get size(): number {
    return this.#all.size;
  }

  all(): KvWatch[] {
    return [...this.#all];
  }

  add(watch: KvWatch): void {
    this.#all.add(watch);
    const { range } = watch;
    if (range.end === undefined) addTo(this.#byKey, text(range.start), watch);
    else if (isPrefixRange(range)) {
      const { length } = range.start;
      let sameLength = this.#byPrefix.get(length);
      if (sameLength === undefined) {
        sameLength = new Map();
        this.#byPrefix.set(length, sameLength);
      }
      addTo(sameLength, text(range.start), watch);
    } else this.#others.add(watch);
  }

  remove(watch: KvWatch): void {
    if (!this.#all.delete(watch)) return;
    const { start } = watch.range;
    if (this.#others.delete(watch)) return;
    if (watch.range.end === undefined) {
      removeFrom(this.#byKey, text(start), watch);
      return;
    }
    const sameLength = this.#byPrefix.get(start.length);
    if (sameLength === undefined) return;
    removeFrom(sameLength, text(start), watch);
    if (sameLength.size === 0) this.#byPrefix.delete(start.length);
  }

  /** Tells the watches that `key` concerns about `revision`. */
  note(key: Uint8Array, revision: number): void {
    if (this.#byKey.size > 0 || this.#byPrefix.size > 0) {
      const keyText = text(key);
      noteAll(this.#byKey.get(keyText), revision);
      for (const [length, sameLength] of this.#byPrefix) {
        if (length <= key.length) noteAll(sameLength.get(keyText.slice(0, length)), revision);
      }
    }
    for (const watch of this.#others) {
      if (rangeHolds(watch.range, key)) watch.note(revision);
    }
  }
}

function noteAll(watches: Set<KvWatch> | undefined, revision: number): void {
  if (watches === undefined) return;
  for (const watch of watches) watch.note(revision);
}

function addTo(map: WatchesByKey, key: string, watch: KvWatch): void {
  const watches = map.get(key);
  if (watches === undefined) map.set(key, new Set([watch]));
  else watches.add(watch);
}

function removeFrom(map: WatchesByKey, key: string, watch: KvWatch): void {
  const watches = map.get(key);
  watches?.delete(watch);
  if (watches?.size === 0) map.delete(key);
}

/** One character for each byte: a string that stands for just these bytes. */
function text(key: Uint8Array): string {
  return asBuffer(key).toString('latin1');
}
