/**
 * The nodes of the tree of keys (key-tree.ts), and how they are searched and walked through. Nothing here
 * changes a node, so all of it works on a living tree and on a captured one alike.
 */
import { compareBytes } from './bytes.ts';
import type { KeySlot } from './key-slots.ts';

/** Knows the keys that the tree orders. */
export interface KeyReader {
  /** Order of `key` and the key of the slot. The innermost loop of every search. */
  compareKey(key: Uint8Array, slot: KeySlot): number;
  /** A view; never to be changed or kept. */
  key(slot: KeySlot): Uint8Array;
}

export interface Leaf {
  readonly epoch: number;
  slots: KeySlot[];
}

export interface Branch {
  readonly epoch: number;
  children: TreeNode[];
  /** One fewer than children. */
  keys: Uint8Array[];
  size: number;
}

export type TreeNode = Leaf | Branch;

/** "There is no such key." */
export const NO_SLOT = -1;

/** Goes through the slots of a tree, living or captured, in order, from the first key not below `start`. */
export class TreeCursor {
  readonly #branches: Branch[] = [];
  readonly #positions: number[] = [];
  #leaf: Leaf;
  #at: number;

  constructor(root: TreeNode, start: Uint8Array, keys: KeyReader) {
    let node = root;
    while ('children' in node) {
      const at = childIndex(node, start);
      this.#branches.push(node);
      this.#positions.push(at);
      node = node.children[at] as TreeNode;
    }
    this.#leaf = node;
    this.#at = lowerBound(node, start, keys);
  }

  /** `NO_SLOT` behind the last. */
  next(): KeySlot {
    while (this.#at >= this.#leaf.slots.length) {
      if (!this.#nextLeaf()) return NO_SLOT;
    }
    return this.#leaf.slots[this.#at++] as KeySlot;
  }

  #nextLeaf(): boolean {
    for (let depth = this.#branches.length - 1; depth >= 0; depth--) {
      const at = (this.#positions[depth] as number) + 1;
      let node: TreeNode | undefined = (this.#branches[depth] as Branch).children[at];
      if (node === undefined) continue;
      this.#positions[depth] = at;
      for (let below = depth + 1; 'children' in node; below++) {
        this.#branches[below] = node;
        this.#positions[below] = 0;
        node = node.children[0] as TreeNode;
      }
      this.#leaf = node;
      this.#at = 0;
      return true;
    }
    return false;
  }
}

export function sizeOf(node: TreeNode): number {
  return 'children' in node ? node.size : node.slots.length;
}

export function width(node: TreeNode): number {
  return 'children' in node ? node.children.length : node.slots.length;
}

/** Which child holds `key`, or would: the number of separators that are not above it. */
export function childIndex(branch: Branch, key: Uint8Array): number {
  const { keys } = branch;
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes(keys[middle] as Uint8Array, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Position of the first slot whose key is not below `key`. */
export function lowerBound(leaf: Leaf, key: Uint8Array, keys: KeyReader): number {
  const { slots } = leaf;
  let low = 0;
  let high = slots.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys.compareKey(key, slots[middle] as KeySlot) > 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
