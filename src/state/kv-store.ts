/**
 * The keys and values themselves: an ordered tree over records in slabs, with a savepoint.
 *
 * A transaction that fails in the middle must leave no trace. The tree is copy-on-write, so going back
 * is to take the old root again; what the transaction replaced is released only when it is kept, and
 * what it wrote only when it is not.
 */
import { assert } from '../errors.ts';
import { RANGE_ITEMS_MAX, SLAB_MOVE_BYTES_MAX } from '../limits.ts';
import { KeyTree } from './key-tree.ts';
import {
  type RecordFields,
  type RecordReader,
  type RecordRef,
  RecordSlabs,
} from './record-slabs.ts';
import { NO_RECORD, TreeCursor, type TreeNode } from './tree-nodes.ts';
import type { KeyRange, KeyValue } from './types.ts';

interface Savepoint {
  readonly root: TreeNode;
  readonly written: RecordRef[];
  readonly replaced: RecordRef[];
}

export interface RangeBounds {
  readonly limit?: number | undefined;
  readonly keysOnly?: boolean | undefined;
  /** Bytes of keys and values after which it ends; the item that crosses it is not in, save the first. */
  readonly bytesMax: number;
}

/** The state at one moment, for ever. */
export interface CapturedItems {
  readonly records: RecordReader;
  readonly root: TreeNode;
  readonly count: number;
}

export class KvStore {
  readonly #slabs: RecordSlabs = new RecordSlabs();
  readonly #tree: KeyTree = new KeyTree(this.#slabs);
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
    const ref = this.#tree.find(key);
    return ref === NO_RECORD ? undefined : ref;
  }

  put(key: Uint8Array, value: Uint8Array, revision: number): RecordRef {
    const old = this.#tree.find(key);
    const isNew = old === NO_RECORD;
    const ref = this.#slabs.write({
      key,
      value,
      createRevision: isNew ? revision : this.#slabs.createRevision(old),
      modRevision: revision,
      version: isNew ? 1 : this.#slabs.version(old) + 1,
    });
    this.#savepoint?.written.push(ref);
    this.#tree.set(key, ref);
    if (!isNew) this.#replace(old);
    return ref;
  }

  /** Shows each key that it takes out (a view, in order); answers how many they were. */
  delete(range: KeyRange, visit: (key: Uint8Array) => void): number {
    const { start, end } = range;
    let removed: RecordRef[];
    if (end === undefined) {
      const old = this.#tree.delete(start);
      removed = old === NO_RECORD ? [] : [old];
    } else removed = this.#tree.deleteRange(start, end);
    for (const ref of removed) {
      visit(this.#slabs.key(ref));
      this.#replace(ref);
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
    this.#savepoint = { root: this.#tree.capture(), written: [], replaced: [] };
  }

  keep(): void {
    const savepoint = this.#take();
    for (const ref of savepoint.replaced) this.#slabs.release(ref);
  }

  undo(): void {
    const savepoint = this.#take();
    this.#tree.revert(savepoint.root);
    for (const ref of savepoint.written) this.#slabs.release(ref);
  }

  /** Gives memory back, a bounded piece of work at a time. To be called between commands. */
  tidy(): void {
    this.#slabs.compact(SLAB_MOVE_BYTES_MAX, (ref) => {
      const key = this.#slabs.key(ref);
      if (this.#tree.find(key) !== ref) return;
      const fields: RecordFields = {
        key,
        value: this.#slabs.value(ref),
        createRevision: this.#slabs.createRevision(ref),
        modRevision: this.#slabs.modRevision(ref),
        version: this.#slabs.version(ref),
      };
      this.#tree.set(key, this.#slabs.write(fields));
      this.#slabs.release(ref);
    });
  }

  capture(): CapturedItems {
    return {
      records: this.#slabs.capture(),
      root: this.#tree.capture(),
      count: this.#tree.size,
    };
  }

  /** Begins to fill an empty store; see `KvLoader`. */
  loader(): KvLoader {
    return new KvLoader(this.#slabs, this.#tree);
  }

  #replace(ref: RecordRef): void {
    if (this.#savepoint === undefined) this.#slabs.release(ref);
    else this.#savepoint.replaced.push(ref);
  }

  #take(): Savepoint {
    const savepoint = this.#savepoint;
    assert(savepoint !== undefined, 'there is a transaction to end');
    this.#savepoint = undefined;
    return savepoint;
  }

  #cursor(range: KeyRange): () => RecordRef | undefined {
    const { start, end } = range;
    const isOne = end === undefined;
    const cursor = new TreeCursor(this.#tree.root, start, this.#slabs);
    return () => {
      const ref = cursor.next();
      if (ref === NO_RECORD) return undefined;
      if (isOne) return this.#slabs.compareKey(start, ref) === 0 ? ref : undefined;
      if (end.length > 0 && this.#slabs.compareKey(end, ref) <= 0) return undefined;
      return ref;
    };
  }
}

/** Takes items in ascending order of keys, as a snapshot holds them, and builds the tree once at the end. */
export class KvLoader {
  readonly #slabs: RecordSlabs;
  readonly #tree: KeyTree;
  readonly #refs: RecordRef[] = [];

  constructor(slabs: RecordSlabs, tree: KeyTree) {
    this.#slabs = slabs;
    this.#tree = tree;
  }

  get count(): number {
    return this.#refs.length;
  }

  /** False: the key is not above the one before. */
  add(fields: RecordFields): boolean {
    const last = this.#refs.at(-1);
    if (last !== undefined && this.#slabs.compareKey(fields.key, last) <= 0) return false;
    this.#refs.push(this.#slabs.write(fields));
    return true;
  }

  finish(): void {
    this.#tree.load(this.#refs);
  }
}
