/**
 * A process as the simulated network knows it: where it runs, into which event loop its I/O is
 * delivered, and whether it still lives. Connections and listeners belong to one of these.
 *
 * A process can die in two ways that mean the same: its loop ends, or its host crashes. After either it
 * hears nothing, and nothing that its code still does has an effect.
 */
import type { IoLoop } from './event-loop.ts';

export class NetworkProcess {
  readonly host: string;
  readonly loop: IoLoop;
  #isEnded = false;

  constructor(host: string, loop: IoLoop) {
    this.host = host;
    this.loop = loop;
  }

  get isDead(): boolean {
    return this.#isEnded || this.loop.isDead;
  }

  /** One operation on the process's door; false when it is dead, from before or by it. */
  operation(): boolean {
    return !this.#isEnded && this.loop.operation() && !this.#isEnded;
  }

  end(): void {
    this.#isEnded = true;
  }
}
