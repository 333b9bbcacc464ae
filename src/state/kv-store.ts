/**
 * The keys and values themselves: records in slabs, a slot for each key that says where its record is, an
 * index that finds slots by key, a tree that keeps them in order; and a savepoint.
 *
 * A put to a key that is there is one look into the index, one record written, one slot changed. Only
 * new keys and deletes go through the tree.
 *
 * A transaction that fails in the middle must leave no trace. What it does is noted, and undone step by
 * step, the last one first; the tree is copy-on-write, and going back is to take the old root again. What
 * the transaction replaced is released only when it is kept, and what it wrote only when it is not.
 */
import { assert } from '../errors.ts';
import { RANGE_ITEMS_MAX, SLAB_MOVE_BYTES_MAX } from '../limits.ts';
import { hashKey } from './bytes.ts';
import { ASK_TREE, KeyIndex } from './key-index.ts';
import { type KeySlot, KeySlots, type SlotReader } from './key-slots.ts';
import { KeyTree } from './key-tree.ts';
import {
  type RecordPlace,
  type RecordReader,
  type RecordRef,
  RecordSlabs,
} from './record-slabs.ts';
import { NO_SLOT, TreeCursor, type TreeNode } from './tree-nodes.ts';
import type { KeyRange, KeyValue } from './types.ts';

/** What a transaction did to one key. `before` is the record that the slot pointed to. */
type Step =
  | { readonly kind: 'insert' | 'delete'; readonly slot: KeySlot }
  | { readonly kind: 'replace'; readonly slot: KeySlot; readonly before: RecordRef };

interface Savepoint {
  readonly root: TreeNode;
  readonly steps: Step[];
}

export interface RangeBounds {
  readonly limit?: number | undefined;
  readonly keysOnly?: boolean | undefined;
  /** Bytes of keys and values after which it ends; the item that crosses it is not in, save the first. */
  readonly bytesMax: number;
}

export interface ItemRevisions {
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

/** The state at one moment, for ever. */
export interface CapturedItems {
  readonly slots: SlotReader;
  readonly root: TreeNode;
  readonly count: number;
}

export class KvStore {
  readonly #slabs: RecordSlabs = new RecordSlabs();
  readonly #slots: KeySlots = new KeySlots(this.#slabs);
  readonly #index: KeyIndex = new KeyIndex(this.#slots);
  readonly #tree: KeyTree = new KeyTree(this.#slots);
  #savepoint: Savepoint | undefined;

  get size(): number {
    return this.#tree.size;
  }

  /** Reads the records that `find` and `put` name. */
  get records(): RecordReader {
    return this.#slabs;
  }

  get heldBytes(): number {
    return this.#slabs.heldBytes;
  }

  get liveBytes(): number {
    return this.#slabs.liveBytes;
  }

  find(key: Uint8Array): RecordRef | undefined {
    const slot = this.#find(hashKey(key, 0, key.length), key, 0, key.length);
    return slot === NO_SLOT ? undefined : this.#slots.ref(slot);
  }

  put(key: Uint8Array, value: Uint8Array, revision: number): RecordRef {
    const hash = hashKey(key, 0, key.length);
    const slot = this.#find(hash, key, 0, key.length);
    const createRevision = this.#createRevision(slot, revision);
    const version = this.#nextVersion(slot);
    const ref = this.#slabs.write({ key, value, createRevision, modRevision: revision, version });
    if (slot === NO_SLOT) this.#insert(hash, ref);
    else this.#replace(slot, ref);
    return ref;
  }

  /** As `put`, of a key and a value that lie in `bytes`; see `RecordSlabs.writeFrom`. */
  putFrom(bytes: Uint8Array, place: RecordPlace, revision: number): RecordRef {
    const start = place.keyStart;
    const end = start + place.keyLength;
    const hash = hashKey(bytes, start, end);
    const slot = this.#find(hash, bytes, start, end);
    const createRevision = this.#createRevision(slot, revision);
    const version = this.#nextVersion(slot);
    const ref = this.#slabs.writeFrom(bytes, place, createRevision, revision, version);
    if (slot === NO_SLOT) this.#insert(hash, ref);
    else this.#replace(slot, ref);
    return ref;
  }

  /** Shows each key that it takes out (a view, in order); answers how many they were. */
  delete(range: KeyRange, visit: (key: Uint8Array) => void): number {
    const { start, end } = range;
    let removed: KeySlot[];
    if (end === undefined) {
      const slot = this.#tree.delete(start);
      removed = slot === NO_SLOT ? [] : [slot];
    } else removed = this.#tree.deleteRange(start, end);
    for (const slot of removed) {
      visit(this.#slots.key(slot));
      this.#remove(slot);
    }
    return removed.length;
  }

  /** Copies, at most `bounds` of them; `more` when the range goes on behind. */
  range(range: KeyRange, bounds: RangeBounds): { items: KeyValue[]; more: boolean; bytes: number } {
    const limit = bounds.limit ?? RANGE_ITEMS_MAX;
    const items: KeyValue[] = [];
    let bytes = 0;
    const cursor = this.#cursor(range);
    for (let ref = cursor(); ref !== undefined; ref = cursor()) {
      const size = bounds.keysOnly ? this.#slabs.key(ref).length : this.#slabs.payloadBytes(ref);
      if (items.length >= limit || (items.length > 0 && bytes + size > bounds.bytesMax)) {
        return { items, more: true, bytes };
      }
      bytes += size;
      items.push(this.#slabs.item(ref, bounds.keysOnly));
    }
    return { items, more: false, bytes };
  }

  count(range: KeyRange): number {
    const { start, end } = range;
    if (end === undefined) return this.find(start) === undefined ? 0 : 1;
    const from = this.#tree.rank(start);
    const to = end.length === 0 ? this.#tree.size : this.#tree.rank(end);
    return Math.max(0, to - from);
  }

  begin(): void {
    assert(this.#savepoint === undefined, 'transactions are not nested');
    this.#savepoint = { root: this.#tree.capture(), steps: [] };
  }

  keep(): void {
    for (const step of this.#takeSavepoint().steps) {
      if (step.kind === 'replace') this.#slabs.release(step.before);
      else if (step.kind === 'delete') this.#forget(step.slot);
    }
  }

  undo(): void {
    const { root, steps } = this.#takeSavepoint();
    for (const step of steps.reverse()) {
      const { slot } = step;
      const ref = this.#slots.ref(slot);
      if (step.kind === 'delete') {
        this.#index.add(this.#slabs.keyHash(ref), slot);
      } else if (step.kind === 'replace') {
        this.#slots.set(slot, step.before);
        this.#slabs.release(ref);
      } else {
        this.#index.remove(this.#slabs.keyHash(ref), slot);
        this.#forget(slot);
      }
    }
    this.#tree.revert(root);
  }

  /** Gives memory back, a bounded piece of work at a time. To be called between commands. */
  tidy(): void {
    this.#slabs.compact(SLAB_MOVE_BYTES_MAX, (ref) => {
      const slot = this.#slotOf(ref);
      if (slot === NO_SLOT) return;
      this.#slots.set(slot, this.#slabs.copy(ref));
      this.#slabs.release(ref);
    });
  }

  capture(): CapturedItems {
    return {
      slots: this.#slots.capture(this.#slabs.capture()),
      root: this.#tree.capture(),
      count: this.#tree.size,
    };
  }

  /** Begins to fill an empty store with about `items`; see `KvLoader`. */
  loader(items = 0): KvLoader {
    this.#index.reserve(items);
    return new KvLoader(this.#slabs, this.#slots, this.#index, this.#tree);
  }

  #find(hash: number, bytes: Uint8Array, start: number, end: number): KeySlot {
    const slot = this.#index.find(hash, bytes, start, end);
    return slot === ASK_TREE ? this.#tree.find(bytes.subarray(start, end)) : slot;
  }

  /** The slot that points to a record, which may be one that was released. */
  #slotOf(ref: RecordRef): KeySlot {
    let slot = this.#index.findRecord(this.#slabs.keyHash(ref), ref);
    if (slot === ASK_TREE) slot = this.#tree.find(this.#slabs.key(ref));
    return slot !== NO_SLOT && this.#slots.ref(slot) === ref ? slot : NO_SLOT;
  }

  #createRevision(slot: KeySlot, revision: number): number {
    return slot === NO_SLOT ? revision : this.#slabs.createRevision(this.#slots.ref(slot));
  }

  #nextVersion(slot: KeySlot): number {
    return slot === NO_SLOT ? 1 : this.#slabs.version(this.#slots.ref(slot)) + 1;
  }

  #insert(hash: number, ref: RecordRef): void {
    const slot = this.#slots.take(ref);
    this.#index.add(hash, slot);
    this.#tree.set(this.#slabs.key(ref), slot);
    this.#savepoint?.steps.push({ kind: 'insert', slot });
  }

  #replace(slot: KeySlot, ref: RecordRef): void {
    const before = this.#slots.ref(slot);
    this.#slots.set(slot, ref);
    if (this.#savepoint === undefined) this.#slabs.release(before);
    else this.#savepoint.steps.push({ kind: 'replace', slot, before });
  }

  /** The tree has taken it out. */
  #remove(slot: KeySlot): void {
    this.#index.remove(this.#slabs.keyHash(this.#slots.ref(slot)), slot);
    if (this.#savepoint === undefined) this.#forget(slot);
    else this.#savepoint.steps.push({ kind: 'delete', slot });
  }

  /** Neither tree nor index hold it any more. */
  #forget(slot: KeySlot): void {
    this.#slabs.release(this.#slots.ref(slot));
    this.#slots.free(slot);
  }

  #takeSavepoint(): Savepoint {
    const savepoint = this.#savepoint;
    assert(savepoint !== undefined, 'there is a transaction to end');
    this.#savepoint = undefined;
    return savepoint;
  }

  #cursor(range: KeyRange): () => RecordRef | undefined {
    const { start, end } = range;
    const isOne = end === undefined;
    const cursor = new TreeCursor(this.#tree.root, start, this.#slots);
    return () => {
      const slot = cursor.next();
      if (slot === NO_SLOT) return undefined;
      const ref = this.#slots.ref(slot);
      if (isOne) return this.#slabs.compareKey(start, ref) === 0 ? ref : undefined;
      if (end.length > 0 && this.#slabs.compareKey(end, ref) <= 0) return undefined;
      return ref;
    };
  }
}

/** Takes items in ascending order of keys, as a snapshot holds them, and builds the tree once at the end. */
export class KvLoader {
  readonly #slabs: RecordSlabs;
  readonly #slots: KeySlots;
  readonly #index: KeyIndex;
  readonly #tree: KeyTree;
  readonly #taken: KeySlot[] = [];
  #last: RecordRef | undefined;

  constructor(slabs: RecordSlabs, slots: KeySlots, index: KeyIndex, tree: KeyTree) {
    this.#slabs = slabs;
    this.#slots = slots;
    this.#index = index;
    this.#tree = tree;
  }

  get count(): number {
    return this.#taken.length;
  }

  /** Key and value lie in `bytes`; see `RecordSlabs.writeFrom`. False: the key is not above the last one. */
  add(bytes: Uint8Array, place: RecordPlace, revisions: ItemRevisions): boolean {
    const start = place.keyStart;
    const end = start + place.keyLength;
    const last = this.#last;
    if (last !== undefined && this.#slabs.compare(bytes, start, end, last) <= 0) return false;
    const { createRevision, modRevision, version } = revisions;
    const ref = this.#slabs.writeFrom(bytes, place, createRevision, modRevision, version);
    const slot = this.#slots.take(ref);
    this.#index.add(hashKey(bytes, start, end), slot);
    this.#taken.push(slot);
    this.#last = ref;
    return true;
  }

  finish(): void {
    this.#tree.load(this.#taken);
  }
}
