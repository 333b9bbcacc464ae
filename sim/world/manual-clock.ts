/**
 * A clock that stands still until it is told to go on, and an event loop to go with it.
 *
 * Each instant has one or more turns in the order of a real loop: timers, then I/O, then what waited
 * for the I/O to be delivered (`afterIo`). Between two callbacks all promises settle. So what a node
 * sees after a pause of its own can be reproduced: `block(ms)` lets time pass while nothing runs;
 * then the timers fire late, and before the bytes that came meanwhile were read.
 *
 * Deterministic: things of one phase and one instant run in the order in which they were asked for.
 */
import type { Clock, Timer } from '../../src/world/index.ts';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
  isCancelled: boolean;
}

/** Turns at one instant: beyond it something asks for itself again without letting time pass. */
const TURNS_PER_INSTANT_MAX = 10_000;

export class ManualClock implements Clock {
  #nowMs: number;
  readonly #wallOriginMs: number;
  #order = 0;
  #timers: Due[] = [];
  #io: Due[] = [];
  #checks: Due[] = [];

  constructor(options: { readonly startMs?: number; readonly wallOriginMs?: number } = {}) {
    this.#nowMs = options.startMs ?? 1_000;
    this.#wallOriginMs = options.wallOriginMs ?? Date.UTC(2030, 0, 1);
  }

  now(): number {
    return this.#nowMs;
  }

  wallTime(): number {
    return this.#wallOriginMs + this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#add(this.#timers, this.#nowMs + Math.max(0, delayMs), callback);
  }

  afterIo(callback: () => void): void {
    this.#add(this.#checks, this.#nowMs, callback);
  }

  /** For simulated devices: `callback` is the delivery of I/O, `delayMs` from now. */
  io(delayMs: number, callback: () => void): Timer {
    return this.#add(this.#io, this.#nowMs + Math.max(0, delayMs), callback);
  }

  /** Timers, deliveries and checks that wait. */
  get waiting(): number {
    return [this.#timers, this.#io, this.#checks].flat().filter((due) => !due.isCancelled).length;
  }

  /** Lets `ms` pass; everything that falls due happens at its time. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const nextMs = this.#nextMs();
      if (nextMs === undefined || nextMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, nextMs);
      await this.#instant();
    }
    this.#nowMs = endMs;
  }

  /** What is due now, without letting time pass. */
  async run(): Promise<void> {
    await this.advance(0);
  }

  /** Advances step by step until `isReached`; false when it was not within `withinMs`. */
  async until(isReached: () => boolean, withinMs: number): Promise<boolean> {
    const endMs = this.#nowMs + withinMs;
    await settle();
    while (!isReached()) {
      const nextMs = this.#nextMs();
      if (nextMs === undefined || nextMs > endMs) {
        this.#nowMs = endMs;
        return isReached();
      }
      await this.advance(Math.max(0, nextMs - this.#nowMs));
    }
    return true;
  }

  /** `ms` pass in which nothing of this process runs; then one turn with everything late. */
  async block(ms: number): Promise<void> {
    await settle();
    this.#nowMs += ms;
    await this.#instant();
  }

  #add(list: Due[], atMs: number, callback: () => void): Timer {
    const due: Due = { atMs, order: this.#order++, callback, isCancelled: false };
    list.push(due);
    return {
      cancel: () => {
        due.isCancelled = true;
      },
    };
  }

  #nextMs(): number | undefined {
    let nextMs: number | undefined;
    for (const list of [this.#timers, this.#io, this.#checks]) {
      for (const due of list) {
        if (!due.isCancelled && (nextMs === undefined || due.atMs < nextMs)) nextMs = due.atMs;
      }
    }
    return nextMs;
  }

  async #instant(): Promise<void> {
    for (let turn = 0; ; turn++) {
      if (turn > TURNS_PER_INSTANT_MAX) throw new Error('time stands still: an endless loop');
      const nextMs = this.#nextMs();
      if (nextMs === undefined || nextMs > this.#nowMs) return;
      await this.#phase(this.#timers);
      await this.#phase(this.#io);
      await this.#phase(this.#checks);
    }
  }

  /** What is due of one kind; what is asked for meanwhile waits for the next turn. */
  async #phase(list: Due[]): Promise<void> {
    const due = list.filter((item) => !item.isCancelled && item.atMs <= this.#nowMs);
    const later = list.filter((item) => !item.isCancelled && item.atMs > this.#nowMs);
    list.splice(0, list.length, ...later);
    due.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    for (const item of due) {
      if (item.isCancelled) continue;
      item.callback();
      await settle();
    }
  }
}

/** All promises that can settle have settled: the real loop has come round once. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
