/**
 * What is to happen, in the order of time; things of one instant in the order in which they were asked
 * for. A binary heap: a simulated minute is hundreds of thousands of such things.
 */
import type { Timer } from '../../src/world/index.ts';

/** One callback that is to come. */
export class Due implements Timer {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
  isCancelled = false;

  constructor(atMs: number, order: number, callback: () => void) {
    this.atMs = atMs;
    this.order = order;
    this.callback = callback;
  }

  cancel(): void {
    this.isCancelled = true;
  }

  isBefore(other: Due): boolean {
    return this.atMs < other.atMs || (this.atMs === other.atMs && this.order < other.order);
  }
}

export class DueHeap {
  #items: Due[] = [];

  push(due: Due): void {
    const items = this.#items;
    let at = items.push(due) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!due.isBefore(items[parent] as Due)) break;
      items[at] = items[parent] as Due;
      at = parent;
    }
    items[at] = due;
  }

  /** The earliest that was not cancelled. */
  peek(): Due | undefined {
    for (;;) {
      const first = this.#items[0];
      if (first === undefined || !first.isCancelled) return first;
      this.#removeFirst();
    }
  }

  /** Takes out everything that is due at `nowMs`, in order. */
  takeDue(nowMs: number): Due[] {
    const due: Due[] = [];
    for (;;) {
      const first = this.peek();
      if (first === undefined || first.atMs > nowMs) return due;
      due.push(first);
      this.#removeFirst();
    }
  }

  /** Those that wait and were not cancelled. */
  get size(): number {
    return this.#items.filter((due) => !due.isCancelled).length;
  }

  clear(): void {
    this.#items = [];
  }

  #removeFirst(): void {
    const items = this.#items;
    const last = items.pop();
    if (last === undefined || items.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      const right = items[child + 1];
      if (right?.isBefore(items[child] as Due) === true) child += 1;
      if (!(items[child] as Due).isBefore(last)) break;
      items[at] = items[child] as Due;
      at = child;
    }
    items[at] = last;
  }
}
