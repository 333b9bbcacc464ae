/**
 * The nodes of the tree of keys (key-tree.ts), and how they are searched and walked through. Nothing here
 * changes a node, so all of it works on a living tree and on a captured one alike.
 */
import { compareBytes } from './bytes.ts';
import type { RecordReader, RecordRef } from './record-slabs.ts';

export interface Leaf {
  readonly epoch: number;
  refs: RecordRef[];
}

export interface Branch {
  readonly epoch: number;
  children: TreeNode[];
  /** One fewer than children. */
  keys: Uint8Array[];
  size: number;
}

export type TreeNode = Leaf | Branch;

/** "There is no such record." */
export const NO_RECORD = -1;

/** Goes through the records of a tree, living or captured, in order, from the first key not below `start`. */
export class TreeCursor {
  readonly #branches: Branch[] = [];
  readonly #positions: number[] = [];
  #leaf: Leaf;
  #at: number;

  constructor(root: TreeNode, start: Uint8Array, records: RecordReader) {
    let node = root;
    while ('children' in node) {
      const at = childIndex(node, start);
      this.#branches.push(node);
      this.#positions.push(at);
      node = node.children[at] as TreeNode;
    }
    this.#leaf = node;
    this.#at = lowerBound(node, start, records);
  }

  /** `NO_RECORD` behind the last. */
  next(): RecordRef {
    while (this.#at >= this.#leaf.refs.length) {
      if (!this.#nextLeaf()) return NO_RECORD;
    }
    return this.#leaf.refs[this.#at++] as RecordRef;
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
  return 'children' in node ? node.size : node.refs.length;
}

export function width(node: TreeNode): number {
  return 'children' in node ? node.children.length : node.refs.length;
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

/** Position of the first record whose key is not below `key`. */
export function lowerBound(leaf: Leaf, key: Uint8Array, records: RecordReader): number {
  const { refs } = leaf;
  let low = 0;
  let high = refs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (records.compareKey(key, refs[middle] as RecordRef) > 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
