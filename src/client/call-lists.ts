/**
 * The two lists of a client's calls: those that are not settled yet, and those that wait (for a
 * connection, or for a request id).
 *
 * Both are on the path of every call, so neither allocates for one: outstanding calls are linked to each
 * other, in the order in which they were made, and taking one out touches its neighbours only.
 */
import type { PendingCall } from './pending-call.ts';

const COMPACT_ABOVE = 1_024;

/** In the order in which they were made. A call taken out holds on to no other one. */
export class OutstandingCalls {
  #first: PendingCall | undefined;
  #last: PendingCall | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(call: PendingCall): void {
    call.isOutstanding = true;
    call.before = this.#last;
    if (this.#last === undefined) this.#first = call;
    else this.#last.after = call;
    this.#last = call;
    this.#size++;
  }

  /** Nothing happens when it was taken out before. */
  delete(call: PendingCall): void {
    if (!call.isOutstanding) return;
    const { before, after } = call;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    call.isOutstanding = false;
    call.before = undefined;
    call.after = undefined;
    this.#size--;
  }

  /** All of them as they are now: those that are visited may be taken out meanwhile. */
  all(): PendingCall[] {
    const calls: PendingCall[] = [];
    for (let call = this.#first; call !== undefined; call = call.after) calls.push(call);
    return calls;
  }
}

/** A queue that takes out at the front in constant time; `Array.shift` moves all that wait behind. */
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

  /** All of them, in order; they stay where they are. */
  all(): PendingCall[] {
    return this.#calls.slice(this.#head) as PendingCall[];
  }
}
