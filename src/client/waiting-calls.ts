/**
 * A queue that takes out at the front in constant time; `Array.shift` moves all that wait behind.
 */
import type { PendingCall } from './pending-call.ts';

const COMPACT_ABOVE = 1_024;

export class WaitingCalls {
  #calls: (PendingCall | undefined)[] = [];
  #head = 0;

  get isEmpty(): boolean {
    return this.#head === this.#calls.length;
  }

  push(call: PendingCall): void {
    this.#calls.push(call);
  }

  shift(): PendingCall | undefined {
    if (this.isEmpty) return undefined;
    const call = this.#calls[this.#head];
    this.#calls[this.#head++] = undefined;
    if (this.#head > COMPACT_ABOVE && this.#head * 2 > this.#calls.length) {
      this.#calls = this.#calls.slice(this.#head);
      this.#head = 0;
    }
    return call;
  }
}
