/**
 * The pulse of the algorithm. A tick is counted only when the process had a chance to read what the
 * peers sent: Node runs due timers before it polls sockets, so after a pause of the event loop an
 * election timer would fire although heartbeats lie waiting in the socket (WISHES 23).
 *
 * The rule: a tick that comes late by more than one interval first lets pending I/O be delivered,
 * and is then counted once, however late it was. Ticks are therefore no clock.
 */
import type { Clock, Timer } from '../world/index.ts';

export class Ticker {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #onTick: (lateMs: number) => void;
  #timer: Timer | undefined;
  #dueAt = 0;
  #running = false;

  /** `onTick` is told how late the tick is, in ms. */
  constructor(clock: Clock, intervalMs: number, onTick: (lateMs: number) => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#onTick = onTick;
  }

  start(): void {
    this.#running = true;
    this.#dueAt = this.#clock.now() + this.#intervalMs;
    this.#arm();
  }

  stop(): void {
    this.#running = false;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const delay = Math.max(0, this.#dueAt - this.#clock.now());
    this.#timer = this.#clock.after(delay, () => this.#fire());
  }

  #fire(): void {
    if (!this.#running) return;
    const lateMs = this.#clock.now() - this.#dueAt;
    if (lateMs <= this.#intervalMs) {
      this.#dueAt += this.#intervalMs;
      this.#count(lateMs);
      return;
    }
    this.#dueAt = this.#clock.now() + this.#intervalMs;
    this.#clock.afterIo(() => this.#count(lateMs));
  }

  #count(lateMs: number): void {
    if (!this.#running) return;
    this.#arm();
    this.#onTick(Math.max(0, lateMs));
  }
}
