/**
 * "Something was dropped": told outside of the call that dropped it, at most every
 * OVERFLOW_REPORT_MS, and the last time always. The core answers it by probing, so a report that is
 * left out would leave it waiting for an answer to a message that never left.
 */
import type { Clock, Timer } from '../world/index.ts';

const OVERFLOW_REPORT_MS = 100;

export class OverflowReport {
  readonly #clock: Clock;
  readonly #tell: () => void;
  #timer: Timer | undefined;
  #isDue = false;
  #isStopped = false;

  constructor(clock: Clock, tell: () => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  note(): void {
    this.#isDue = true;
    if (this.#timer !== undefined || this.#isStopped) return;
    this.#clock.afterIo(() => {
      if (!this.#isDue || this.#isStopped) return;
      this.#isDue = false;
      this.#tell();
    });
    this.#timer = this.#clock.after(OVERFLOW_REPORT_MS, () => {
      this.#timer = undefined;
      if (this.#isDue) this.note();
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }
}
