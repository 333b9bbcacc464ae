/**
 * An ordered set of records by key: a B+tree with copy-on-write, whose leaves hold record references.
 *
 * Each node carries the number of the epoch that made it. Within an epoch the tree changes its own
 * nodes in place; a node of an earlier epoch is copied first. Capturing the tree is therefore: hand out
 * the root and begin the next epoch. It costs nothing, and whoever holds the captured root reads it,
 * unchanged, while writes go on and pay for one copy of each node that they touch for the first time.
 *
 * Keys are not in the tree but in the records; only the separators in branches are copies (shortest
 * ones that separate), because the record that one came from may be released.
 *
 * Invariants: all leaves at one depth; in a branch `keys[i]` is above every key of `children[i]` and not
 * above any of `children[i + 1]`; `size` is the number of records below; no empty leaf but the root.
 */
import { assert } from '../errors.ts';
import { copyBytes, NO_BYTES } from './bytes.ts';
import type { RecordReader, RecordRef } from './record-slabs.ts';
import {
  type Branch,
  childIndex,
  type Leaf,
  lowerBound,
  NO_RECORD,
  sizeOf,
  TreeCursor,
  type TreeNode,
  width,
} from './tree-nodes.ts';

/** Wide enough that a million keys are three floors, narrow enough that a copy is half a kilobyte. */
const NODE_ITEMS_MAX = 64;
const NODE_ITEMS_MIN = 16;
/** A bulk load leaves room, or the first write to each leaf would split it. */
const NODE_ITEMS_LOADED = 56;
/** To take out more than one in so many, building the tree anew is quicker than taking out one by one. */
const REBUILD_SHARE = 64;

interface Split {
  readonly key: Uint8Array;
  readonly right: TreeNode;
}

export class KeyTree {
  readonly #records: RecordReader;
  #root: TreeNode = { epoch: 0, refs: [] };
  #epoch = 0;
  /** What the operation under way found at its key. */
  #found: RecordRef = NO_RECORD;

  constructor(records: RecordReader) {
    this.#records = records;
  }

  get size(): number {
    return sizeOf(this.#root);
  }

  get root(): TreeNode {
    return this.#root;
  }

  /** The tree as it is now, for ever. */
  capture(): TreeNode {
    this.#epoch++;
    return this.#root;
  }

  /** Goes back to what was captured; what changed since is forgotten. */
  revert(root: TreeNode): void {
    this.#epoch++;
    this.#root = root;
  }

  find(key: Uint8Array): RecordRef {
    let node = this.#root;
    while ('children' in node) node = node.children[childIndex(node, key)] as TreeNode;
    const at = lowerBound(node, key, this.#records);
    const ref = node.refs[at];
    return ref !== undefined && this.#records.compareKey(key, ref) === 0 ? ref : NO_RECORD;
  }

  /** How many keys are below `key`. */
  rank(key: Uint8Array): number {
    let node = this.#root;
    let below = 0;
    while ('children' in node) {
      const at = childIndex(node, key);
      for (let i = 0; i < at; i++) below += sizeOf(node.children[i] as TreeNode);
      node = node.children[at] as TreeNode;
    }
    return below + lowerBound(node, key, this.#records);
  }

  /** Puts the record of `key` in; answers the one that it replaced. */
  set(key: Uint8Array, ref: RecordRef): RecordRef {
    this.#found = NO_RECORD;
    const root = this.#writable(this.#root);
    this.#root = root;
    const split = this.#insert(root, key, ref);
    if (split !== undefined) {
      this.#root = {
        epoch: this.#epoch,
        children: [root, split.right],
        keys: [split.key],
        size: sizeOf(root) + sizeOf(split.right),
      };
    }
    return this.#found;
  }

  /** Takes the record of `key` out; answers it. */
  delete(key: Uint8Array): RecordRef {
    this.#found = NO_RECORD;
    // Look first: a delete of nothing must not copy nodes.
    if (this.find(key) === NO_RECORD) return NO_RECORD;
    let root = this.#writable(this.#root);
    this.#remove(root, key);
    while ('children' in root && root.children.length === 1) root = root.children[0] as TreeNode;
    this.#root = root;
    return this.#found;
  }

  /** Takes out all records of `[start, end)`; an empty `end` is the end of all. Answers them, in order. */
  deleteRange(start: Uint8Array, end: Uint8Array): RecordRef[] {
    const first = this.rank(start);
    const behind = end.length === 0 ? this.size : this.rank(end);
    if (behind <= first) return [];
    const removed: RecordRef[] = [];
    const cursor = new TreeCursor(this.#root, start, this.#records);
    while (removed.length < behind - first) removed.push(cursor.next());
    if (removed.length * REBUILD_SHARE < this.size) {
      for (const ref of removed) this.delete(this.#records.key(ref));
    } else this.#rebuildWithout(first, behind);
    return removed;
  }

  /** Fills an empty tree from records in ascending order of keys. */
  load(refs: readonly RecordRef[]): void {
    assert(this.size === 0, 'only an empty tree is loaded');
    this.#build(refs);
  }

  #rebuildWithout(first: number, behind: number): void {
    const kept: RecordRef[] = [];
    const cursor = new TreeCursor(this.#root, NO_BYTES, this.#records);
    const { size } = this;
    for (let at = 0; at < size; at++) {
      const ref = cursor.next();
      if (at < first || at >= behind) kept.push(ref);
    }
    this.#build(kept);
  }

  #build(refs: readonly RecordRef[]): void {
    let level: TreeNode[] = [];
    let leaf: Leaf | undefined;
    for (const ref of refs) {
      if (leaf === undefined || leaf.refs.length === NODE_ITEMS_LOADED) {
        leaf = { epoch: this.#epoch, refs: [] };
        level.push(leaf);
      }
      leaf.refs.push(ref);
    }
    while (level.length > 1) level = this.#branchesOver(level);
    this.#root = level[0] ?? { epoch: this.#epoch, refs: [] };
  }

  #branchesOver(level: readonly TreeNode[]): TreeNode[] {
    const branches: TreeNode[] = [];
    // Evenly, so that none is left with a single child.
    const groups = Math.ceil(level.length / NODE_ITEMS_LOADED);
    for (let group = 0; group < groups; group++) {
      const from = Math.floor((level.length * group) / groups);
      const to = Math.floor((level.length * (group + 1)) / groups);
      const children = level.slice(from, to);
      const keys = children.slice(1).map((child, i) => this.#between(children[i]!, child));
      const size = children.reduce((sum, child) => sum + sizeOf(child), 0);
      branches.push({ epoch: this.#epoch, children, keys, size });
    }
    return branches;
  }

  /** The shortest key that is above all of `left` and not above any of `right`. */
  #between(left: TreeNode, right: TreeNode): Uint8Array {
    while ('children' in left) left = left.children.at(-1) as TreeNode;
    while ('children' in right) right = right.children[0] as TreeNode;
    return this.#separator(left.refs.at(-1) as RecordRef, right.refs[0] as RecordRef);
  }

  #separator(left: RecordRef, right: RecordRef): Uint8Array {
    const below = this.#records.key(left);
    const above = this.#records.key(right);
    let same = 0;
    while (same < below.length && below[same] === above[same]) same++;
    return copyBytes(above.subarray(0, same + 1));
  }

  #writable(node: TreeNode): TreeNode {
    const epoch = this.#epoch;
    if (node.epoch === epoch) return node;
    if (!('children' in node)) return { epoch, refs: node.refs.slice() };
    return { epoch, children: node.children.slice(), keys: node.keys.slice(), size: node.size };
  }

  #writableChild(parent: Branch, at: number): TreeNode {
    const child = this.#writable(parent.children[at] as TreeNode);
    parent.children[at] = child;
    return child;
  }

  #insert(node: TreeNode, key: Uint8Array, ref: RecordRef): Split | undefined {
    if (!('children' in node)) return this.#insertIntoLeaf(node, key, ref);
    const at = childIndex(node, key);
    const split = this.#insert(this.#writableChild(node, at), key, ref);
    if (this.#found === NO_RECORD) node.size++;
    if (split === undefined) return undefined;
    node.children.splice(at + 1, 0, split.right);
    node.keys.splice(at, 0, split.key);
    return node.children.length > NODE_ITEMS_MAX ? this.#splitBranch(node) : undefined;
  }

  #insertIntoLeaf(leaf: Leaf, key: Uint8Array, ref: RecordRef): Split | undefined {
    const at = lowerBound(leaf, key, this.#records);
    const present = leaf.refs[at];
    if (present !== undefined && this.#records.compareKey(key, present) === 0) {
      this.#found = present;
      leaf.refs[at] = ref;
      return undefined;
    }
    const isAtEnd = at === leaf.refs.length;
    leaf.refs.splice(at, 0, ref);
    if (leaf.refs.length <= NODE_ITEMS_MAX) return undefined;
    // Keys that come in order leave full leaves behind, not half full ones.
    const middle = isAtEnd ? NODE_ITEMS_LOADED : leaf.refs.length >> 1;
    const right: Leaf = { epoch: this.#epoch, refs: leaf.refs.slice(middle) };
    leaf.refs = leaf.refs.slice(0, middle);
    return { key: this.#separator(leaf.refs.at(-1)!, right.refs[0]!), right };
  }

  #splitBranch(branch: Branch): Split {
    const middle = branch.children.length >> 1;
    const children = branch.children.slice(middle);
    const right: Branch = {
      epoch: this.#epoch,
      children,
      keys: branch.keys.slice(middle),
      size: children.reduce((sum, child) => sum + sizeOf(child), 0),
    };
    const key = branch.keys[middle - 1] as Uint8Array;
    branch.children = branch.children.slice(0, middle);
    branch.keys = branch.keys.slice(0, middle - 1);
    branch.size -= right.size;
    return { key, right };
  }

  /** The key is there; `find` has said so. */
  #remove(node: TreeNode, key: Uint8Array): void {
    if (!('children' in node)) {
      const at = lowerBound(node, key, this.#records);
      this.#found = node.refs[at] as RecordRef;
      node.refs.splice(at, 1);
      return;
    }
    const at = childIndex(node, key);
    const child = this.#writableChild(node, at);
    this.#remove(child, key);
    node.size--;
    if (width(child) < NODE_ITEMS_MIN) this.#refill(node, at);
  }

  /** Joins a thin child with a neighbour; two that do not fit into one share evenly. */
  #refill(parent: Branch, at: number): void {
    if (parent.children.length === 1) return;
    const leftAt = at === 0 ? 0 : at - 1;
    const left = this.#writableChild(parent, leftAt);
    const right = this.#writableChild(parent, leftAt + 1);
    const key = parent.keys[leftAt] as Uint8Array;
    const separator =
      'children' in left ? joinBranches(left, key, right as Branch) : this.#joinLeaves(left, right);
    if (separator !== undefined) {
      parent.keys[leftAt] = separator;
      return;
    }
    parent.children.splice(leftAt + 1, 1);
    parent.keys.splice(leftAt, 1);
  }

  /** Moves all of `right` into `left`, or evens the two out and answers what separates them. */
  #joinLeaves(left: Leaf, other: TreeNode): Uint8Array | undefined {
    const right = other as Leaf;
    const refs = left.refs.concat(right.refs);
    if (refs.length <= NODE_ITEMS_MAX) {
      left.refs = refs;
      return undefined;
    }
    const middle = refs.length >> 1;
    left.refs = refs.slice(0, middle);
    right.refs = refs.slice(middle);
    return this.#separator(left.refs.at(-1)!, right.refs[0]!);
  }
}

/** As `#joinLeaves`; the separator between the two comes down from the parent and another goes up. */
function joinBranches(left: Branch, key: Uint8Array, right: Branch): Uint8Array | undefined {
  const children = left.children.concat(right.children);
  const keys = [...left.keys, key, ...right.keys];
  const size = left.size + right.size;
  if (children.length <= NODE_ITEMS_MAX) {
    left.children = children;
    left.keys = keys;
    left.size = size;
    return undefined;
  }
  const middle = children.length >> 1;
  left.children = children.slice(0, middle);
  left.keys = keys.slice(0, middle - 1);
  left.size = left.children.reduce((sum, child) => sum + sizeOf(child), 0);
  right.children = children.slice(middle);
  right.keys = keys.slice(middle);
  right.size = size - left.size;
  return keys[middle - 1];
}
