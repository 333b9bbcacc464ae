/**
 * Clocks and chance of one simulated process, as a state machine would see them that looks. While a function
 * of the machine runs, `Date`, `Math.random`, `performance.now` and `crypto` of the process are those of the
 * node: simulated time, wrong by a little more for each process, and dice of its own.
 *
 * So a machine that looks at them answers differently on two nodes, at once and always, where the real clock
 * would show both the same millisecond; and the run can be repeated. Who looked at what is noted, because
 * that is what its author wants to know. Not seen: what was imported from Node (`node:crypto`, `process`).
 *
 * An async function is left and entered again at each of its awaits, and other nodes run between. So nothing
 * is put on and taken off around a call: for the time of a run (`underSkies`) the names lead through here, and
 * whoever looks gets the sky of the call that he belongs to, wherever he went on; outside of all calls, the
 * real one. Node carries it along (AsyncLocalStorage); the order in which things run it does not change.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { SeededRandom } from '../world/seeded-random.ts';
import { bounded } from './bounded.ts';

/** The first of January 2026. */
const EPOCH_MS = 1_767_225_600_000;

export interface SkyOptions {
  readonly random: SeededRandom;
  /** Simulated time. */
  readonly nowMs: () => number;
  /** What the clocks of this process are wrong by. */
  readonly awayMs: number;
  /** Noted here what was looked at, and where first; one list for all processes of a run. */
  readonly looked?: Map<string, string>;
}

type Filled = NodeJS.ArrayBufferView | null;

/** A call of a machine's function, under its sky. */
interface Call {
  readonly sky: MachineSky;
  /** Which function, for people. */
  readonly where: () => string;
}

const calls: AsyncLocalStorage<Call> = new AsyncLocalStorage();
/** Runs that are under way, and how what they found is put back. */
let runs = 0;
let putBack: () => void = () => undefined;

/** Until `run` has settled, machines that are called under a sky see it. */
export async function underSkies<T>(run: () => Promise<T>): Promise<T> {
  if (runs === 0) putBack = putUp();
  runs += 1;
  try {
    return await run();
  } finally {
    runs -= 1;
    if (runs === 0) putBack();
  }
}

/** Which function of a machine has led here, awaits and all; `undefined`: none. */
export function callUnderWay(): string | undefined {
  return calls.getStore()?.where();
}

export class MachineSky {
  /** What was looked at so far, and by which function first: `Date`, ... */
  readonly looked: Map<string, string>;
  readonly #options: SkyOptions;

  constructor(options: SkyOptions) {
    this.#options = options;
    this.looked = options.looked ?? new Map();
  }

  /**
   * Calls it under this sky; what it awaits and then goes on with, too. `where`: which function it is.
   * @throws EndlessCall, and what `action` throws.
   */
  under<T>(action: () => T, where: () => string = () => 'a function of the machine'): T {
    // The limit within: what is ended by force does not put back what it has changed.
    return calls.run({ sky: this, where }, () => bounded(action));
  }

  get wallMs(): number {
    return this.#look('Date', Math.floor(this.#nowMs + EPOCH_MS));
  }

  get elapsedMs(): number {
    return this.#look('performance.now', this.#nowMs);
  }

  get share(): number {
    return this.#look('Math.random', this.#dice() / 2 ** 32);
  }

  get uuid(): `${string}-${string}-${string}-${string}-${string}` {
    const tail = this.#dice().toString(16).padStart(12, '0');
    return this.#look('crypto.randomUUID', `00000000-0000-4000-8000-${tail}` as const);
  }

  fill<T extends Filled>(array: T): T {
    if (array === null) return array;
    const { buffer, byteOffset, byteLength } = array;
    new Uint8Array(buffer, byteOffset, byteLength).set(this.#options.random.bytes(byteLength));
    return this.#look('crypto.getRandomValues', array);
  }

  get #nowMs(): number {
    return this.#options.nowMs() + this.#options.awayMs;
  }

  #look<T>(what: string, value: T): T {
    if (!this.looked.has(what))
      this.looked.set(what, callUnderWay() ?? 'a function of the machine');
    return value;
  }

  #dice(): number {
    return this.#options.random.below(2 ** 32);
  }
}

/** Lets the names lead to the sky of whoever looks. Answers how they are put back. */
function putUp(): () => void {
  const { Date: realDate, crypto, performance } = globalThis;
  const realRandom = Math.random;
  const realNow = performance.now;
  const realFill = crypto.getRandomValues;
  const realUuid = crypto.randomUUID;
  globalThis.Date = datesOf(realDate);
  Math.random = () => calls.getStore()?.sky.share ?? realRandom();
  performance.now = () => calls.getStore()?.sky.elapsedMs ?? realNow.call(performance);
  crypto.getRandomValues = <T extends Filled>(array: T): T => {
    const sky = calls.getStore()?.sky;
    return sky === undefined ? (realFill.call(crypto, array as Uint8Array) as T) : sky.fill(array);
  };
  crypto.randomUUID = () => calls.getStore()?.sky.uuid ?? realUuid.call(crypto);
  return () => {
    globalThis.Date = realDate;
    Math.random = realRandom;
    performance.now = realNow;
    crypto.getRandomValues = realFill;
    crypto.randomUUID = realUuid;
  };
}

function datesOf(real: DateConstructor): DateConstructor {
  const now = (): number => calls.getStore()?.sky.wallMs ?? real.now();
  return new Proxy(real, {
    construct: (target, args, made) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, made),
    apply: (target) => new target(now()).toString(),
    get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
  });
}
