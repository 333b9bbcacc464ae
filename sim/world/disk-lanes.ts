/**
 * When the operations of a simulated disk take effect. Each file and each folder has a lane: operations
 * in one take effect, and settle, in the order in which they were asked for; lanes overlap.
 *
 * An operation takes a while (drawn from the conditions), takes effect somewhere within that while, and is
 * answered at its end: who dies in between has changed the disk and does not know it. Each touches the
 * process's door twice, just before the effect and just before the answer, so that a crash may be set
 * before or after any operation. What the dead asked for never takes effect and never settles.
 */
import {
  type DiskConditions,
  type DiskLatency,
  type DiskStruck,
  healthyDisk,
} from './disk-conditions.ts';
import type { IoLoop } from './event-loop.ts';
import type { SeededRandom } from './seeded-random.ts';

/** The effect lies at one of so many points of the time that an operation takes. */
const EFFECT_POINTS = 1_001;
const NANOSECONDS_PER_MS = 1_000_000;
/** No sync of a disk that is well takes longer. */
const HEALTHY_SYNC_MS = healthyDisk().sync.maxMs;

/** One operation: what it takes, what it does. */
export interface DiskWork<T> {
  readonly latency: 'read' | 'write' | 'sync';
  readonly bytes: number;
  readonly effect: () => T;
}

interface Waiting {
  readonly work: DiskWork<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** The one behind it is skipped when this one fails. */
  readonly carriesNext: boolean;
}

export interface DiskLanesOptions {
  readonly loop: IoLoop;
  readonly random: SeededRandom;
  readonly conditions: DiskConditions;
  readonly struck: DiskStruck;
  /** The machine is gone: its disk was taken away by a crash. */
  readonly isGone: () => boolean;
}

export class DiskLanes {
  readonly #options: DiskLanesOptions;
  readonly #lanes: Map<unknown, Waiting[]> = new Map();
  /** Since when it owes something without a pause; a pause that takes no time is none. */
  #owesSinceMs = 0;
  #owesNothingSinceMs = Number.NEGATIVE_INFINITY;

  constructor(options: DiskLanesOptions) {
    this.#options = options;
  }

  /** Operations that were asked for and not answered. */
  get pending(): number {
    let count = 0;
    for (const lane of this.#lanes.values()) count += lane.length;
    return count;
  }

  /** Answers on their way: one for each file and folder that has an operation under way. */
  get answers(): number {
    return this.#lanes.size;
  }

  /**
   * For how long at least one operation was under way at every moment, to the nanosecond. The difference of
   * two times is off by less than that, and would fall short of a timer that was set when the first one began.
   */
  get owesForMs(): number {
    if (this.#lanes.size === 0) return 0;
    const forMs = this.#options.loop.now() - this.#owesSinceMs;
    return Math.round(forMs * NANOSECONDS_PER_MS) / NANOSECONDS_PER_MS;
  }

  run<T>(key: unknown, work: DiskWork<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#add(key, { work, resolve: resolve as Waiting['resolve'], reject, carriesNext: false });
    });
  }

  /** Two in a row, nothing in between; the second only when the first succeeds. */
  runBoth(key: unknown, first: DiskWork<unknown>, second: DiskWork<void>): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#add(key, { work: first, resolve: () => {}, reject, carriesNext: true });
      const settle = resolve as Waiting['resolve'];
      this.#add(key, { work: second, resolve: settle, reject, carriesNext: false });
    });
  }

  #add(key: unknown, waiting: Waiting): void {
    const lane = this.#lanes.get(key);
    if (lane !== undefined) {
      lane.push(waiting);
      return;
    }
    const nowMs = this.#options.loop.now();
    if (this.#lanes.size === 0 && this.#owesNothingSinceMs < nowMs) this.#owesSinceMs = nowMs;
    this.#lanes.set(key, [waiting]);
    this.#begin(key, waiting);
  }

  #begin(key: unknown, waiting: Waiting): void {
    const { loop, random } = this.#options;
    const { work } = waiting;
    const totalMs = this.#drawMs(work);
    const beforeMs = (totalMs * random.below(EFFECT_POINTS)) / (EFFECT_POINTS - 1);
    loop.io(beforeMs, () => {
      if (!this.#touchDoor()) return;
      let isDone = true;
      let outcome: unknown;
      try {
        outcome = work.effect();
      } catch (error) {
        isDone = false;
        outcome = error;
      }
      loop.io(totalMs - beforeMs, () => {
        if (this.#touchDoor()) this.#end(key, waiting, isDone, outcome);
      });
    });
  }

  #end(key: unknown, waiting: Waiting, isDone: boolean, outcome: unknown): void {
    const lane = this.#lanes.get(key) ?? [];
    lane.shift();
    if (!isDone && waiting.carriesNext) lane.shift();
    const next = lane[0];
    if (next === undefined) this.#lanes.delete(key);
    else this.#begin(key, next);
    if (this.#lanes.size === 0) this.#owesNothingSinceMs = this.#options.loop.now();
    if (isDone) waiting.resolve(outcome);
    else waiting.reject(outcome);
  }

  #touchDoor(): boolean {
    const { loop, isGone } = this.#options;
    return !isGone() && loop.operation() && !isGone();
  }

  #drawMs(work: DiskWork<unknown>): number {
    const { random, conditions, struck } = this.#options;
    const { typicalMs, maxMs }: DiskLatency = conditions[work.latency];
    const { extraMs, bytesPerMs } = conditions;
    if (extraMs > 0) struck.slow += 1;
    if (work.latency === 'sync' && typicalMs > HEALTHY_SYNC_MS) struck.stuckSyncs += 1;
    return random.heavyTailed(typicalMs, maxMs) + work.bytes / bytesPerMs + extraMs;
  }
}
