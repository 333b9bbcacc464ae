/**
 * The order of the keys: a B+tree with copy-on-write, whose leaves hold the keys' slots (key-slots.ts).
 *
 * Each node carries the number of the epoch that made it. Within an epoch the tree changes its own
 * nodes in place; a node of an earlier epoch is copied first. Capturing the tree is therefore: hand out
 * the root and begin the next epoch. It costs nothing, and whoever holds the captured root reads it,
 * unchanged, while writes go on and pay for one copy of each node that they touch for the first time.
 *
 * Keys are not in the tree but in the records; only the separators in branches are copies (shortest
 * ones that separate), because the record that one came from may be released. A new value of a key that
 * is there is no concern of the tree: the key keeps its slot.
 *
 * Invariants: all leaves at one depth; in a branch `keys[i]` is above every key of `children[i]` and not
 * above any of `children[i + 1]`; `size` is the number of keys below; no empty leaf but the root.
 */
import { assert } from '../errors.ts';
import { copyBytes, NO_BYTES } from './bytes.ts';
import type { KeySlot } from './key-slots.ts';
import {
  type Branch,
  childIndex,
  type KeyReader,
  type Leaf,
  lowerBound,
  NO_SLOT,
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
  readonly #keys: KeyReader;
  #root: TreeNode = { epoch: 0, slots: [] };
  #epoch = 0;
  /** What the operation under way found at its key. */
  #found: KeySlot = NO_SLOT;

  constructor(keys: KeyReader) {
    this.#keys = keys;
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

  find(key: Uint8Array): KeySlot {
    let node = this.#root;
    while ('children' in node) node = node.children[childIndex(node, key)] as TreeNode;
    const at = lowerBound(node, key, this.#keys);
    const slot = node.slots[at];
    return slot !== undefined && this.#keys.compareKey(key, slot) === 0 ? slot : NO_SLOT;
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
    return below + lowerBound(node, key, this.#keys);
  }

  /** Puts the slot of `key` in; answers the one that it replaced. */
  set(key: Uint8Array, slot: KeySlot): KeySlot {
    this.#found = NO_SLOT;
    const root = this.#writable(this.#root);
    this.#root = root;
    const split = this.#insert(root, key, slot);
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

  /** Takes the slot of `key` out; answers it. */
  delete(key: Uint8Array): KeySlot {
    this.#found = NO_SLOT;
    // Look first: a delete of nothing must not copy nodes.
    if (this.find(key) === NO_SLOT) return NO_SLOT;
    let root = this.#writable(this.#root);
    this.#remove(root, key);
    while ('children' in root && root.children.length === 1) root = root.children[0] as TreeNode;
    this.#root = root;
    return this.#found;
  }

  /** Takes out all slots of `[start, end)`; an empty `end` is the end of all. Answers them, in order. */
  deleteRange(start: Uint8Array, end: Uint8Array): KeySlot[] {
    const first = this.rank(start);
    const behind = end.length === 0 ? this.size : this.rank(end);
    if (behind <= first) return [];
    const removed: KeySlot[] = [];
    const cursor = new TreeCursor(this.#root, start, this.#keys);
    while (removed.length < behind - first) removed.push(cursor.next());
    if (removed.length * REBUILD_SHARE < this.size) {
      for (const slot of removed) this.delete(this.#keys.key(slot));
    } else this.#rebuildWithout(first, behind);
    return removed;
  }

  /** Fills an empty tree from slots in ascending order of keys. */
  load(slots: readonly KeySlot[]): void {
    assert(this.size === 0, 'only an empty tree is loaded');
    this.#build(slots);
  }

  #rebuildWithout(first: number, behind: number): void {
    const kept: KeySlot[] = [];
    const cursor = new TreeCursor(this.#root, NO_BYTES, this.#keys);
    const { size } = this;
    for (let at = 0; at < size; at++) {
      const slot = cursor.next();
      if (at < first || at >= behind) kept.push(slot);
    }
    this.#build(kept);
  }

  #build(slots: readonly KeySlot[]): void {
    let level: TreeNode[] = [];
    for (let from = 0; from < slots.length; from += NODE_ITEMS_LOADED) {
      level.push({ epoch: this.#epoch, slots: slots.slice(from, from + NODE_ITEMS_LOADED) });
    }
    while (level.length > 1) level = this.#branchesOver(level);
    this.#root = level[0] ?? { epoch: this.#epoch, slots: [] };
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
    return this.#separator(left.slots.at(-1) as KeySlot, right.slots[0] as KeySlot);
  }

  #separator(left: KeySlot, right: KeySlot): Uint8Array {
    const below = this.#keys.key(left);
    const above = this.#keys.key(right);
    let same = 0;
    while (same < below.length && below[same] === above[same]) same++;
    return copyBytes(above.subarray(0, same + 1));
  }

  #writable(node: TreeNode): TreeNode {
    const epoch = this.#epoch;
    if (node.epoch === epoch) return node;
    if (!('children' in node)) return { epoch, slots: node.slots.slice() };
    return { epoch, children: node.children.slice(), keys: node.keys.slice(), size: node.size };
  }

  #writableChild(parent: Branch, at: number): TreeNode {
    const child = this.#writable(parent.children[at] as TreeNode);
    parent.children[at] = child;
    return child;
  }

  #insert(node: TreeNode, key: Uint8Array, slot: KeySlot): Split | undefined {
    if (!('children' in node)) return this.#insertIntoLeaf(node, key, slot);
    const at = childIndex(node, key);
    const split = this.#insert(this.#writableChild(node, at), key, slot);
    if (this.#found === NO_SLOT) node.size++;
    if (split === undefined) return undefined;
    node.children.splice(at + 1, 0, split.right);
    node.keys.splice(at, 0, split.key);
    return node.children.length > NODE_ITEMS_MAX ? this.#splitBranch(node) : undefined;
  }

  #insertIntoLeaf(leaf: Leaf, key: Uint8Array, slot: KeySlot): Split | undefined {
    const at = lowerBound(leaf, key, this.#keys);
    const present = leaf.slots[at];
    if (present !== undefined && this.#keys.compareKey(key, present) === 0) {
      this.#found = present;
      leaf.slots[at] = slot;
      return undefined;
    }
    const isAtEnd = at === leaf.slots.length;
    leaf.slots.splice(at, 0, slot);
    if (leaf.slots.length <= NODE_ITEMS_MAX) return undefined;
    // Keys that come in order leave full leaves behind, not half full ones.
    const middle = isAtEnd ? NODE_ITEMS_LOADED : leaf.slots.length >> 1;
    const right: Leaf = { epoch: this.#epoch, slots: leaf.slots.slice(middle) };
    leaf.slots = leaf.slots.slice(0, middle);
    return { key: this.#separator(leaf.slots.at(-1)!, right.slots[0]!), right };
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
      const at = lowerBound(node, key, this.#keys);
      this.#found = node.slots[at] as KeySlot;
      node.slots.splice(at, 1);
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
    const slots = left.slots.concat(right.slots);
    if (slots.length <= NODE_ITEMS_MAX) {
      left.slots = slots;
      return undefined;
    }
    const middle = slots.length >> 1;
    left.slots = slots.slice(0, middle);
    right.slots = slots.slice(middle);
    return this.#separator(left.slots.at(-1)!, right.slots[0]!);
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
