/**
 * One alarm for everything that waits with a deadline. Thousands may wait, nearly all are answered long
 * before; so there is one timer, set to the earliest deadline that was seen, and only when it rings is
 * it found out who is late and which deadline comes next.
 */
import type { Clock, Timer } from '../world/index.ts';

export class Deadlines {
  readonly #clock: Clock;
  readonly #onDue: () => number;
  #timer: Timer | undefined;
  #rings = Number.POSITIVE_INFINITY;

  /** `onDue` ends what is late and answers the earliest deadline that is left (infinity: none). */
  constructor(clock: Clock, onDue: () => number) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Somebody waits until then, by `Clock.now()`. */
  watch(deadline: number): void {
    if (deadline >= this.#rings) return;
    this.#timer?.cancel();
    this.#rings = deadline;
    const delayMs = Math.max(0, deadline - this.#clock.now());
    this.#timer = this.#clock.after(delayMs, () => this.#ring());
  }

  /** For good: a call that comes while the node goes down, and is refused, sets no timer any more. */
  stop(): void {
    this.#timer?.cancel();
    this.#rings = Number.NEGATIVE_INFINITY;
  }

  #ring(): void {
    this.#rings = Number.POSITIVE_INFINITY;
    this.watch(this.#onDue());
  }
}
