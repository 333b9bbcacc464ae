/**
 * A number for each key that stays the same while its record changes: where its newest record lies.
 *
 * Tree and index hold these slots. A put to a key that is there thus changes one number, and neither
 * of them. What slots point to lies in pages that are copied on write, as the nodes of the tree are:
 * whoever captured the table goes on reading it as it was, and each page that is written to afterwards
 * is copied once.
 */
import type { RecordReader, RecordRef } from './record-slabs.ts';

/** A small integer from 0. */
export type KeySlot = number;

const PAGE_BITS = 9;
const PAGE_SLOTS: number = 1 << PAGE_BITS;
const PAGE_MASK: number = PAGE_SLOTS - 1;

/** Reads keys by their slots, as they are or as they were captured. */
export class SlotReader {
  readonly records: RecordReader;
  protected readonly pages: Float64Array[];

  constructor(records: RecordReader, pages: Float64Array[]) {
    this.records = records;
    this.pages = pages;
  }

  /** The record of a slot that is taken. */
  ref(slot: KeySlot): RecordRef {
    return (this.pages[slot >>> PAGE_BITS] as Float64Array)[slot & PAGE_MASK] as RecordRef;
  }

  /** A view; never to be changed or kept. */
  key(slot: KeySlot): Uint8Array {
    return this.records.key(this.ref(slot));
  }

  compareKey(key: Uint8Array, slot: KeySlot): number {
    return this.records.compareKey(key, this.ref(slot));
  }

  /** Whether the slot's key is `bytes` from `start` to `end`. */
  isKey(bytes: Uint8Array, start: number, end: number, slot: KeySlot): boolean {
    return this.records.isKey(bytes, start, end, this.ref(slot));
  }
}

export class KeySlots extends SlotReader {
  /** Whether a captured table holds the page as well. */
  readonly #isShared: boolean[] = [];
  readonly #free: KeySlot[] = [];
  #count = 0;

  constructor(records: RecordReader) {
    super(records, []);
  }

  take(ref: RecordRef): KeySlot {
    const slot = this.#free.pop() ?? this.#count++;
    if (slot >>> PAGE_BITS === this.pages.length) {
      this.pages.push(new Float64Array(PAGE_SLOTS));
      this.#isShared.push(false);
    }
    this.set(slot, ref);
    return slot;
  }

  set(slot: KeySlot, ref: RecordRef): void {
    const at = slot >>> PAGE_BITS;
    if (this.#isShared[at] === true) {
      this.pages[at] = (this.pages[at] as Float64Array).slice();
      this.#isShared[at] = false;
    }
    (this.pages[at] as Float64Array)[slot & PAGE_MASK] = ref;
  }

  free(slot: KeySlot): void {
    this.#free.push(slot);
  }

  /** The slots as they are now, for ever; `records` were captured with them. */
  capture(records: RecordReader): SlotReader {
    this.#isShared.fill(true);
    return new SlotReader(records, this.pages.slice());
  }
}
