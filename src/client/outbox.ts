/**
 * Collects the frames of one turn of the event loop and hands them to the socket as one write. A write
 * for each small frame costs a system call each; that alone would bound a client to some ten thousand
 * requests a second. `setImmediate` runs when the I/O of this turn was handled, so that nothing waits
 * for company when the line is idle.
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

/** Up to here one copy is cheaper than a vector of many small pieces. */
const JOIN_BYTES_MAX: number = 128 * 1024;

/** Collects what is written in one turn of the event loop and hands it to the socket at once. */
export class Outbox {
  readonly #socket: Socket;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #scheduled = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Bytes that were handed over and that the kernel has not taken. */
  get queuedBytes(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  /** The chunks must not change afterwards. */
  add(head: Uint8Array, body?: Uint8Array, tail?: Uint8Array): void {
    this.#push(head);
    if (body !== undefined) this.#push(body);
    if (tail !== undefined) this.#push(tail);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  /** Hands over what waits, now. */
  flush(): void {
    this.#scheduled = false;
    const chunks = this.#chunks;
    if (chunks.length === 0) return;
    const joined = this.#bytes <= JOIN_BYTES_MAX;
    const bytes = this.#bytes;
    this.#chunks = [];
    this.#bytes = 0;
    if (this.#socket.destroyed || !this.#socket.writable) return;
    if (joined) {
      this.#socket.write(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes));
      return;
    }
    this.#socket.cork();
    for (const chunk of chunks) this.#socket.write(chunk);
    this.#socket.uncork();
  }

  #push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }
}
