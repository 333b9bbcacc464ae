/**
 * How long to wait before the next attempt: exponential, with jitter, never above the cap.
 *
 * Without jitter the members that lost the same peer would all dial it in the same instant. Jitter
 * added after capping can exceed the cap; here the range is cut at the cap instead, so that "at most
 * every 30 s" is true (S-1 to S-6; SD-21).
 */
import type { Random } from '../world/index.ts';

/** Defaults: 100 ms, doubled up to 30 s, with a jitter of a fifth. */
export interface BackoffOptions {
  readonly initialMs?: number;
  /** Nothing that `next` returns is above it. */
  readonly maxMs?: number;
  readonly multiplier?: number;
  /** Part of the nominal value by which a wait may differ from it, in `[0, 1)`. */
  readonly jitter?: number;
}

/** Steps into which the range of jitter is cut: finer than anybody can measure. */
const JITTER_STEPS = 1 << 16;

/** How long to wait before the next attempt: each wait longer than the last, up to a cap. */
export class Backoff {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly multiplier: number;
  readonly jitter: number;
  readonly #random: Random;
  #nominalMs: number;

  constructor(random: Random, options: BackoffOptions = {}) {
    this.#random = random;
    this.initialMs = options.initialMs ?? 100;
    this.maxMs = options.maxMs ?? 30_000;
    this.multiplier = options.multiplier ?? 2;
    this.jitter = options.jitter ?? 0.2;
    this.#nominalMs = Math.min(this.initialMs, this.maxMs);
  }

  /** The wait before the next attempt, in milliseconds. The one after that is longer. */
  next(): number {
    const nominalMs = this.#nominalMs;
    this.#nominalMs = Math.min(nominalMs * this.multiplier, this.maxMs);
    const lowestMs = nominalMs * (1 - this.jitter);
    const highestMs = Math.min(nominalMs * (1 + this.jitter), this.maxMs);
    const part = this.#random.below(JITTER_STEPS + 1) / JITTER_STEPS;
    return lowestMs + (highestMs - lowestMs) * part;
  }

  /** It worked: the next wait is the first one again. */
  reset(): void {
    this.#nominalMs = Math.min(this.initialMs, this.maxMs);
  }
}
