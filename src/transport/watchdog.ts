/**
 * Notices silence, and does not take our own absence for it.
 *
 * When this process was stopped or busy, the timer fires late, and what the other side sent meanwhile
 * still waits in the kernel. So silence is judged only after the I/O that was pending has been
 * delivered. And when the timer was late, the other side may have been silent only because we were:
 * it gets a part of the limit once more, once, before it is judged.
 */
import type { Clock, Timer } from '../world/index.ts';

/** A timer that fires later than this part of the limit tells of a pause of our own. */
const LATE_PART = 0.25;
/** What is granted after a pause of our own. */
const GRACE_PART = 0.5;

export class Watchdog {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #onSilence: (silentMs: number) => void;
  #timer: Timer | undefined;
  #heardMs = 0;
  #dueMs = 0;
  #isRunning = false;
  #hadGrace = false;

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
    this.#arm(this.#limitMs);
  }

  stop(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  heard(): void {
    this.#heardMs = this.#clock.now();
    this.#hadGrace = false;
  }

  #arm(delayMs: number): void {
    this.#dueMs = this.#clock.now() + delayMs;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(delayMs, () => {
      const lateMs = this.#clock.now() - this.#dueMs;
      this.#clock.afterIo(() => this.#judge(lateMs));
    });
  }

  #judge(lateMs: number): void {
    if (!this.#isRunning) return;
    const silentMs = this.#clock.now() - this.#heardMs;
    if (silentMs < this.#limitMs) {
      this.#arm(this.#limitMs - silentMs);
      return;
    }
    if (lateMs > this.#limitMs * LATE_PART && !this.#hadGrace) {
      this.#hadGrace = true;
      this.#arm(this.#limitMs * GRACE_PART);
      return;
    }
    this.stop();
    this.#onSilence(silentMs);
  }
}
