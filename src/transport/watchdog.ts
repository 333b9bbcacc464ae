/**
 * Notices silence, and does not take our own absence for it.
 *
 * A process that was stopped (SIGSTOP, a suspended machine, a paused container) or busy wakes up with
 * its timers due, and what the others sent meanwhile still waits in the kernel. Two rules follow.
 * - Silence is judged only after the I/O that was pending has been delivered.
 * - Time in which we did not run does not count: the others may have been stopped with us, as all
 *   processes of one machine are. So the limit is waited for in steps, and a step that comes late by
 *   more than a part of itself tells how long we were away. One timer for the whole limit would not
 *   do: a pause that ends shortly before it is due would not be seen.
 * And after a pause the other side gets a part of the limit at least, once in a silence: it may have
 * to wake up, too.
 */
import type { Clock, Timer } from '../world/index.ts';

/** Steps in which the limit is waited for. */
const STEPS = 4;
/** A step that comes later than this part of itself tells of a pause of our own. */
const LATE_PART = 0.5;
/** What is granted after a pause of our own. */
const GRACE_PART = 0.5;

export class Watchdog {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #onSilence: (silentMs: number) => void;
  #timer: Timer | undefined;
  #heardMs = 0;
  /** Of the time since then: how long we did not run. */
  #awayMs = 0;
  #graceEndMs: number | undefined;
  #isRunning = false;

  /** `onSilence` is told how long nothing was heard, pauses of our own included. */
  constructor(clock: Clock, limitMs: number, onSilence: (silentMs: number) => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#onSilence = onSilence;
  }

  /** Counts from now. Again while it runs: the same as `heard`. */
  start(): void {
    this.heard();
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#arm(this.#limitMs / STEPS);
  }

  stop(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  heard(): void {
    this.#heardMs = this.#clock.now();
    this.#awayMs = 0;
    this.#graceEndMs = undefined;
  }

  #arm(delayMs: number): void {
    const dueMs = this.#clock.now() + delayMs;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(delayMs, () => {
      const lateMs = this.#clock.now() - dueMs;
      if (lateMs > (this.#limitMs / STEPS) * LATE_PART) this.#wasAway(lateMs);
      this.#clock.afterIo(() => this.#judge());
    });
  }

  #wasAway(lateMs: number): void {
    this.#awayMs += lateMs;
    this.#graceEndMs ??= this.#clock.now() + this.#limitMs * GRACE_PART;
  }

  #judge(): void {
    if (!this.#isRunning) return;
    const nowMs = this.#clock.now();
    const silentMs = nowMs - this.#heardMs;
    const ownLeftMs = this.#limitMs - (silentMs - this.#awayMs);
    const leftMs = Math.max(ownLeftMs, (this.#graceEndMs ?? nowMs) - nowMs);
    if (leftMs > 0) {
      this.#arm(Math.min(leftMs, this.#limitMs / STEPS));
      return;
    }
    this.stop();
    this.#onSilence(silentMs);
  }
}
