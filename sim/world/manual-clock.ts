/**
 * A clock that stands still until it is told to go on: a world of one process, for unit tests.
 *
 * It is a kernel (kernel.ts) with one loop beside nature's, so order and phases are those of a whole
 * simulated world: timers, then I/O, then what waited for the I/O to be delivered (`afterIo`), and
 * between two callbacks all promises settle. What a node sees after a pause of its own can be
 * reproduced: `block(ms)` lets time pass while nothing of the process runs; then the timers fire late,
 * and before the bytes that came meanwhile are read.
 *
 * Each call lets the real loop come round once, so that a test's own timeout can end what goes on for
 * ever.
 */
import type { Clock, Timer } from '../../src/world/index.ts';
import type { EventLoop, IoLoop } from './event-loop.ts';
import { Kernel } from './kernel.ts';

export class ManualClock implements Clock, IoLoop {
  readonly #kernel: Kernel = new Kernel();
  readonly #loop: EventLoop = this.#kernel.loop('process');

  constructor(options: { readonly startMs?: number } = {}) {
    this.#kernel.nowMs = options.startMs ?? 1_000;
  }

  /** Where devices and cables work: it is not stopped by `block`. */
  get nature(): IoLoop {
    return this.#kernel.nature;
  }

  get isDead(): boolean {
    return false;
  }

  now(): number {
    return this.#loop.now();
  }

  wallTime(): number {
    return this.#loop.wallTime();
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#loop.after(delayMs, callback);
  }

  soon(callback: () => void): void {
    this.#loop.soon(callback);
  }

  afterIo(callback: () => void): void {
    this.#loop.afterIo(callback);
  }

  io(delayMs: number, callback: () => void): Timer {
    return this.#loop.io(delayMs, callback);
  }

  operation(): boolean {
    return true;
  }

  /** Timers, deliveries and checks that wait. */
  get waiting(): number {
    return this.#loop.waiting + this.#kernel.nature.waiting;
  }

  /** Lets `ms` pass; everything that falls due happens at its time. */
  async advance(ms: number): Promise<void> {
    await comeRound();
    await this.#kernel.run(this.now() + ms);
  }

  /** What is due now, without letting time pass. */
  async run(): Promise<void> {
    await this.advance(0);
  }

  /** Advances step by step until `isReached`; false when it was not within `withinMs`. */
  async until(isReached: () => boolean, withinMs: number): Promise<boolean> {
    await comeRound();
    return await this.#kernel.run(this.now() + withinMs, isReached);
  }

  /** `ms` pass in which nothing of this process runs; then one turn with everything late. */
  async block(ms: number): Promise<void> {
    await comeRound();
    this.#loop.block(ms);
    await this.#kernel.run(this.now() + ms);
  }
}

function comeRound(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
