/**
 * The event loop of one simulated process, and the clock that the process sees.
 *
 * Each turn has the order of a real loop: timers, then I/O, then what waited for the I/O to be delivered
 * (`afterIo`). Between two callbacks all promises settle. A process that stands still (`block`) loses
 * nothing: what falls due meanwhile happens when it goes on, timers first and late, before the bytes that
 * came meanwhile are read; that is how a pause of a real process looks from inside.
 *
 * A process that ended hears nothing more: its callbacks never run, and every operation on its door says
 * so (`operation` answers false), which is how a crash "before or after any operation" is made. The code
 * of the dead process may run on to the end of its turn; nothing that it does has an effect.
 *
 * Time is the kernel's; the wall clock is the process's own, and may be wrong and jump.
 */
import type { Clock, Timer } from '../../src/world/index.ts';
import { Due, DueHeap } from './due-heap.ts';

/** What a loop needs of the world's time. */
export interface TimeSource {
  readonly nowMs: number;
  /** Orders the things of one instant, over all loops. */
  nextOrder(): number;
}

/** Where a device delivers what it has done: into the loop of the process that asked. */
export interface IoLoop {
  now(): number;
  /** `callback` is the delivery of I/O, `delayMs` from now. */
  io(delayMs: number, callback: () => void): Timer;
  /** As a timer of the process. */
  after(delayMs: number, callback: () => void): Timer;
  /** One operation on the process's door; false when the process is dead, from before or by it. */
  operation(): boolean;
  readonly isDead: boolean;
}

/**
 * A timer that is to wait at all lets at least so much time pass. What is left of a wait after some
 * arithmetic with fractions can be too little to move the clock, and would be asked for again for ever;
 * a real clock goes on by itself.
 */
const TIMER_MS_MIN = 0.001;
/** Runs one callback of a loop, and lets all promises settle. */
export type RunOne = (loop: EventLoop, callback: () => void) => Promise<void>;

/** Midnight of a day on which nothing happened; wall clocks start there. */
const WALL_ORIGIN_MS = Date.UTC(2030, 0, 1);

export class EventLoop implements Clock, IoLoop {
  readonly name: string;
  /** What the wall clock of this process is wrong by. May be changed at any time. */
  wallSkewMs = 0;
  /** Operations on its door so far. */
  operations = 0;
  isDead = false;
  readonly #time: TimeSource;
  readonly #timers: DueHeap = new DueHeap();
  readonly #io: DueHeap = new DueHeap();
  #checks: Due[] = [];
  #blockedUntilMs = 0;
  #diesAt = Number.POSITIVE_INFINITY;
  #onDeath: () => void = () => {};

  constructor(name: string, time: TimeSource) {
    this.name = name;
    this.#time = time;
  }

  // ---- as the process sees it -------------------------------------------------------------------

  now(): number {
    return this.#time.nowMs;
  }

  wallTime(): number {
    return WALL_ORIGIN_MS + this.#time.nowMs + this.wallSkewMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const waitMs = delayMs > 0 ? Math.max(delayMs, TIMER_MS_MIN) : 0;
    return this.#add(this.#timers, waitMs, callback);
  }

  /** What is due at one instant is delivered in one phase here, so the phase behind it is as soon as can be. */
  soon(callback: () => void): void {
    this.afterIo(callback);
  }

  afterIo(callback: () => void): void {
    if (this.isDead) return;
    this.#checks.push(new Due(this.#time.nowMs, this.#time.nextOrder(), callback));
  }

  io(delayMs: number, callback: () => void): Timer {
    return this.#add(this.#io, delayMs, callback);
  }

  operation(): boolean {
    if (this.isDead) return false;
    this.operations += 1;
    if (this.operations < this.#diesAt) return true;
    this.#diesAt = Number.POSITIVE_INFINITY;
    this.#onDeath();
    return !this.isDead;
  }

  // ---- as its fate has it -----------------------------------------------------------------------

  /** `onDeath` is called, and must `end` it, at the `count`th operation on its door from now on. */
  dieAfter(count: number, onDeath: () => void): void {
    this.#diesAt = this.operations + count;
    this.#onDeath = onDeath;
  }

  /** It stands still for `ms`, from now on; further blocks add nothing to what overlaps. */
  block(ms: number): void {
    this.#blockedUntilMs = Math.max(this.#blockedUntilMs, this.#time.nowMs + ms);
  }

  /** It goes on now. */
  unblock(): void {
    this.#blockedUntilMs = 0;
  }

  get isBlocked(): boolean {
    return this.#blockedUntilMs > this.#time.nowMs;
  }

  /** The process is gone. */
  end(): void {
    this.isDead = true;
    this.#timers.clear();
    this.#io.clear();
    this.#checks = [];
  }

  /** Timers, deliveries and checks that wait: a process that has stopped in good order has none. */
  get waiting(): number {
    return this.#timers.size + this.#io.size + this.#checks.length;
  }

  /** When it has to do something next; never before now. */
  nextMs(): number | undefined {
    if (this.isDead) return undefined;
    const timer = this.#timers.peek()?.atMs ?? Number.POSITIVE_INFINITY;
    const io = this.#io.peek()?.atMs ?? Number.POSITIVE_INFINITY;
    const check = this.#checks.length > 0 ? this.#time.nowMs : Number.POSITIVE_INFINITY;
    const first = Math.min(timer, io, check);
    if (first === Number.POSITIVE_INFINITY) return undefined;
    return Math.max(first, this.#blockedUntilMs, this.#time.nowMs);
  }

  /** What is due now, phase by phase; what is asked for meanwhile waits for the next turn. */
  async turn(runOne: RunOne): Promise<void> {
    const timers = this.#timers.takeDue(this.#time.nowMs);
    if (timers.length > 0) await this.#phase(timers, runOne);
    const io = this.#io.takeDue(this.#time.nowMs);
    if (io.length > 0) await this.#phase(io, runOne);
    if (this.#checks.length === 0) return;
    const checks = this.#checks;
    this.#checks = [];
    await this.#phase(checks, runOne);
  }

  async #phase(due: readonly Due[], runOne: RunOne): Promise<void> {
    for (const item of due) {
      if (this.isDead) return;
      if (!item.isCancelled) await runOne(this, item.callback);
    }
  }

  #add(heap: DueHeap, delayMs: number, callback: () => void): Timer {
    const due = new Due(this.#time.nowMs + Math.max(0, delayMs), this.#time.nextOrder(), callback);
    if (!this.isDead) heap.push(due);
    return due;
  }
}
