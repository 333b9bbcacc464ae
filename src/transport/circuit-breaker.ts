/**
 * Stops attempts that are known to be useless, and lets exactly one through from time to time.
 *
 *     closed --(failuresMax failures in a row)--> open --(resetMs, then a call)--> half-open
 *     half-open --success--> closed;  half-open --failure--> open
 *
 * "In a row": a success in between starts the count again. In half-open one caller, the probe, is
 * allowed; all others are refused until the probe has reported (S-7 to S-17; SD-21). A probe that
 * never reports would close the door for good, so after another `resetMs` it counts as lost, and
 * the next caller becomes the probe.
 */
import type { Clock } from '../world/index.ts';

/** `closed`: attempts are made. `open`: none is. `half-open`: one is, and its outcome decides. */
export type CircuitState = 'closed' | 'open' | 'half-open';

/** Defaults: 5 failures in a row, 30 s. */
export interface CircuitBreakerOptions {
  readonly failuresMax?: number;
  readonly resetMs?: number;
}

/** Stops attempts that are known to be useless, and lets exactly one through from time to time. */
export class CircuitBreaker {
  readonly failuresMax: number;
  readonly resetMs: number;
  readonly #clock: Clock;
  #state: CircuitState = 'closed';
  #failures = 0;
  /** Of the last failure, or of the start of the probe. */
  #sinceMs = 0;

  constructor(clock: Clock, options: CircuitBreakerOptions = {}) {
    this.#clock = clock;
    this.failuresMax = options.failuresMax ?? 5;
    this.resetMs = options.resetMs ?? 30_000;
  }

  /** Whether an attempt may be made now. Who was allowed must report how it ended. */
  call(): boolean {
    if (this.#state === 'closed') return true;
    if (this.#clock.now() - this.#sinceMs < this.resetMs) return false;
    this.#state = 'half-open';
    this.#sinceMs = this.#clock.now();
    return true;
  }

  /** The attempt worked: closed, and the count is 0. */
  recordSuccess(): void {
    this.#state = 'closed';
    this.#failures = 0;
  }

  /** The attempt failed: one more in a row. At `failuresMax`, and when it was the probe, open. */
  recordFailure(): void {
    this.#failures += 1;
    this.#sinceMs = this.#clock.now();
    if (this.#failures >= this.failuresMax) this.#state = 'open';
  }

  /** Whether a call would be refused because of earlier failures: open, and not yet time to probe. */
  get isOpen(): boolean {
    return this.#state === 'open' && this.#clock.now() - this.#sinceMs < this.resetMs;
  }

  /** As it was left; time alone changes nothing here. */
  get state(): CircuitState {
    return this.#state;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** Until `call` may allow something again; 0 when it would now. */
  get waitMs(): number {
    if (this.#state === 'closed') return 0;
    return Math.max(0, this.resetMs - (this.#clock.now() - this.#sinceMs));
  }
}
