/**
 * What passes by itself: faults that last for a while, and those that come again and again. Each has an
 * end that is done exactly once: when its time is over, or when everything is healed, whichever is first.
 * So no fault of one round reaches into the quiet after it.
 */
import type { EventLoop } from '../world/event-loop.ts';

interface Passage {
  cancel(): void;
  readonly end: () => void;
}

export class Passing {
  readonly #nature: EventLoop;
  readonly #under: Set<Passage> = new Set();

  constructor(nature: EventLoop) {
    this.#nature = nature;
  }

  /** What has not ended. */
  get size(): number {
    return this.#under.size;
  }

  /** `end` is called in `ms`, or when all is ended before. */
  for(ms: number, end: () => void): void {
    const timer = this.#nature.after(ms, () => {
      this.#under.delete(passage);
      end();
    });
    const passage: Passage = { cancel: () => timer.cancel(), end };
    this.#under.add(passage);
  }

  /** `act` is called in `ms`; never, when all is ended before. */
  later(ms: number, act: () => void): void {
    const timer = this.#nature.after(ms, () => {
      this.#under.delete(passage);
      act();
    });
    const passage: Passage = { cancel: () => timer.cancel(), end: () => undefined };
    this.#under.add(passage);
  }

  /** `act` is called now and after every `waitMs()`, until `ms` are over or all is ended. */
  repeat(ms: number, waitMs: () => number, act: () => void): void {
    const untilMs = this.#nature.now() + ms;
    const once = (): void => {
      act();
      const nextMs = waitMs();
      if (this.#nature.now() + nextMs < untilMs) this.later(nextMs, once);
    };
    once();
  }

  endAll(): void {
    const all = [...this.#under];
    this.#under.clear();
    for (const passage of all) passage.cancel();
    for (const passage of all) passage.end();
  }
}
