/**
 * Which call an answer belongs to, by its correlation number: a ring in place of a map. Numbers are given
 * out in turn and most calls are answered in about the order in which they were sent, so that the number's
 * low bits are a place of its own, and nothing is hashed, stored apart or moved.
 *
 * The rule it protects: an answer never meets a call that was sent under another number. A place belongs to
 * whole number that its call has, and a number whose place is taken by a slower call is passed over.
 */
import type { PendingCall } from './pending-call.ts';

const PLACES_MIN = 256;

export class CallTable {
  #places: (PendingCall | undefined)[] = emptyPlaces(PLACES_MIN);
  #mask: number = PLACES_MIN - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Whether a call may be sent under this number. */
  isFree(correlation: number): boolean {
    return this.#places[correlation & this.#mask] === undefined;
  }

  /** Under `call.correlation`, whose place is free. */
  add(call: PendingCall): void {
    this.#places[call.correlation & this.#mask] = call;
    this.#size++;
    // Half of it stays free, so that a free number is near.
    if (this.#size * 2 > this.#places.length) this.#grow();
  }

  /** The call that was sent under this number and is not taken out yet. */
  get(correlation: number): PendingCall | undefined {
    const call = this.#places[correlation & this.#mask];
    return call !== undefined && call.correlation === correlation ? call : undefined;
  }

  has(call: PendingCall): boolean {
    return this.#places[call.correlation & this.#mask] === call;
  }

  /** It must be here. */
  delete(call: PendingCall): void {
    this.#places[call.correlation & this.#mask] = undefined;
    this.#size--;
  }

  /** Takes all out, in the order in which they were sent; `last`: the number that was given out last. */
  clear(last: number): PendingCall[] {
    const calls = this.#places.filter((call) => call !== undefined);
    this.#places = emptyPlaces(PLACES_MIN);
    this.#mask = PLACES_MIN - 1;
    this.#size = 0;
    const age = (call: PendingCall): number => (last - call.correlation) >>> 0;
    return calls.sort((a, b) => age(b) - age(a));
  }

  /** Numbers with different places in the smaller ring have different ones in the larger, too. */
  #grow(): void {
    const places = this.#places;
    this.#places = emptyPlaces(places.length * 2);
    this.#mask = this.#places.length - 1;
    for (const call of places) {
      if (call !== undefined) this.#places[call.correlation & this.#mask] = call;
    }
  }
}

function emptyPlaces(count: number): (PendingCall | undefined)[] {
  return new Array<PendingCall | undefined>(count).fill(undefined);
}
