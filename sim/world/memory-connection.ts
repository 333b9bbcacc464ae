/**
 * One end of a connection of the simulated network, as its process holds it. What the kernels do with
 * the bytes is in memory-pipe.ts: one pipe out, one in.
 *
 * Protects the contract of `Connection`: no event inside a call, `close` once and last of all, and to a
 * process that is gone nothing is told.
 */
import type { Connection, ConnectionEvents } from '../../src/world/index.ts';
import type { MemoryPipe } from './memory-pipe.ts';
import type { NetworkProcess } from './network-process.ts';

export class MemoryConnection implements Connection {
  readonly remote: string;
  /** `write` has answered false, and `drain` is to follow. */
  owesDrain = false;
  /** Handed to its process: until then there are only two kernels that know of each other. */
  isHeld = false;
  readonly #process: NetworkProcess;
  readonly #out: MemoryPipe;
  readonly #in: MemoryPipe;
  #events: ConnectionEvents | undefined;
  #isClosed = false;

  constructor(remote: string, process: NetworkProcess, out: MemoryPipe, into: MemoryPipe) {
    this.remote = remote;
    this.#process = process;
    this.#out = out;
    this.#in = into;
    out.writer = this;
  }

  attach(events: ConnectionEvents): void {
    if (this.#events !== undefined) throw new Error(`${this.remote} was attached twice`);
    this.#events = events;
    if (!this.#process.isDead) this.#in.attach(this);
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.#isClosed || !this.#process.operation()) return false;
    this.#out.push(chunks);
    if (this.#out.overflowBytes === 0) return true;
    this.owesDrain = true;
    return false;
  }

  get queuedBytes(): number {
    return this.#isClosed ? 0 : this.#out.overflowBytes;
  }

  pause(): void {
    this.#in.isPaused = true;
  }

  resume(): void {
    this.#in.resume();
  }

  destroy(): void {
    if (this.#isClosed || this.#process.isDead) return;
    this.drop();
    this.#process.loop.io(0, () => {
      if (!this.#process.isDead) this.#events?.close();
    });
  }

  /** Nobody holds this end any more. */
  drop(): void {
    this.#isClosed = true;
    this.#in.abandon();
    this.#out.close();
  }

  // ---- told by the pipes, on the process's loop -------------------------------------------------

  received(bytes: Uint8Array): void {
    if (!this.#isClosed && !this.#process.isDead) this.#events?.data(bytes);
  }

  drained(): void {
    if (!this.owesDrain || this.#isClosed || this.#process.isDead) return;
    if (this.#out.overflowBytes > 0) return;
    this.owesDrain = false;
    this.#events?.drain();
  }

  closed(error: Error | undefined): void {
    if (this.#isClosed || this.#process.isDead) return;
    this.drop();
    this.#events?.close(error);
  }
}
