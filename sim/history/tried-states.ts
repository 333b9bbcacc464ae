/**
 * Where the search of an order has been: (known operations taken, state, unknown operations used).
 *
 * What was taken is nearly all before the first operation not taken, so the key is that operation's
 * number and the bits from it up to the last one taken; exact, and short however long the history. Of two
 * visits with the same key the one that had used less of the unknown operations covers the other
 * (linearizability.ts, rule 1), so only the smallest uses are kept.
 */

/** Bits in one character of a key. */
const BITS = 15;

export class TriedStates {
  readonly #taken: Uint8Array;
  /** Highest numbers taken, as a stack: what is given back is always what was taken last. */
  readonly #tops: number[] = [-1];
  readonly #uses = new Map<string, Uint16Array[]>();

  #compared = 0;

  constructor(known: number) {
    this.#taken = new Uint8Array(known);
  }

  /** Visits that were compared so far: work that a bound on steps must count too. */
  get compared(): number {
    return this.#compared;
  }

  take(known: number): void {
    this.#taken[known] = 1;
    this.#tops.push(Math.max(known, this.#tops.at(-1) as number));
  }

  giveBack(known: number): void {
    this.#taken[known] = 0;
    this.#tops.pop();
  }

  /** Notes where the search is; false: a visit before covers it. */
  add(head: number, state: string | number, used: Uint16Array): boolean {
    const bits = this.#bits(head);
    const key = `${head}:${bits.length}:${bits}${state}`;
    const visits = this.#uses.get(key);
    if (visits === undefined) {
      this.#uses.set(key, [used.slice()]);
      return true;
    }
    this.#compared += visits.length;
    if (visits.some((visit) => covers(visit, used))) return false;
    const kept = visits.filter((visit) => !covers(used, visit));
    kept.push(used.slice());
    this.#uses.set(key, kept);
    return true;
  }

  #bits(head: number): string {
    const top = this.#tops.at(-1) as number;
    let text = '';
    for (let from = head; from <= top; from += BITS) {
      let bits = 0;
      const to = Math.min(top + 1, from + BITS);
      for (let i = from; i < to; i++) bits = bits * 2 + (this.#taken[i] as number);
      // The length of the last group matters: 01 is not 1.
      text += String.fromCharCode(bits + 2 ** (to - from));
    }
    return text;
  }
}

function covers(less: Uint16Array, more: Uint16Array): boolean {
  for (let i = 0; i < less.length; i++) if ((less[i] as number) > (more[i] as number)) return false;
  return true;
}
