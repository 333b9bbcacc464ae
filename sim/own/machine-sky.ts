/**
 * Clocks and chance of one simulated process, as a state machine would see them that looks. While a function
 * of the machine runs, `Date`, `Math.random`, `performance.now` and `crypto` of the process are those of the
 * node: simulated time, wrong by a little more for each process, and dice of its own.
 *
 * So a machine that looks at them answers differently on two nodes, at once and always, where the real clock
 * would show both the same millisecond; and the run can be repeated. Who looked at what is noted, because
 * that is what its author wants to know. Not seen: what was imported from Node (`node:crypto`, `process`).
 */
import type { SeededRandom } from '../world/seeded-random.ts';

/** The first of January 2026. */
const EPOCH_MS = 1_767_225_600_000;

export interface SkyOptions {
  readonly random: SeededRandom;
  /** Simulated time. */
  readonly nowMs: () => number;
  /** What the clocks of this process are wrong by. */
  readonly awayMs: number;
}

export class MachineSky {
  /** What was looked at so far: `Date.now`, ... */
  readonly looked: Set<string> = new Set();
  readonly #options: SkyOptions;
  readonly #date: DateConstructor;

  constructor(options: SkyOptions) {
    this.#options = options;
    const wall = (): number => this.#look('Date', Math.floor(this.#nowMs + EPOCH_MS));
    this.#date = new Proxy(Date, {
      construct: (target, args) => Reflect.construct(target, args.length === 0 ? [wall()] : args),
      apply: (target) => new target(wall()).toString(),
      get: (target, name) => (name === 'now' ? wall : Reflect.get(target, name)),
    });
  }

  /** Runs a synchronous function under this sky. Nothing else runs meanwhile. */
  under<T>(action: () => T): T {
    const { Date: realDate, crypto, performance } = globalThis;
    const realRandom = Math.random;
    const realNow = performance.now;
    const realFill = crypto.getRandomValues;
    const realUuid = crypto.randomUUID;
    globalThis.Date = this.#date;
    Math.random = () => this.#look('Math.random', this.#dice() / 2 ** 32);
    performance.now = () => this.#look('performance.now', this.#nowMs);
    crypto.getRandomValues = (array) => this.#look('crypto.getRandomValues', this.#fill(array));
    crypto.randomUUID = () => this.#look('crypto.randomUUID', this.#uuid());
    try {
      return action();
    } finally {
      globalThis.Date = realDate;
      Math.random = realRandom;
      performance.now = realNow;
      crypto.getRandomValues = realFill;
      crypto.randomUUID = realUuid;
    }
  }

  get #nowMs(): number {
    return this.#options.nowMs() + this.#options.awayMs;
  }

  #look<T>(what: string, value: T): T {
    this.looked.add(what);
    return value;
  }

  #dice(): number {
    return this.#options.random.below(2 ** 32);
  }

  #fill<T extends NodeJS.ArrayBufferView | null>(array: T): T {
    if (array === null) return array;
    const { buffer, byteOffset, byteLength } = array;
    new Uint8Array(buffer, byteOffset, byteLength).set(this.#options.random.bytes(byteLength));
    return array;
  }

  #uuid(): `${string}-${string}-${string}-${string}-${string}` {
    const tail = this.#dice().toString(16).padStart(12, '0');
    return `00000000-0000-4000-8000-${tail}`;
  }
}
