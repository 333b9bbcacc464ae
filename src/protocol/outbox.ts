/**
 * Collects small frames and hands them to the socket as one write. A write for each costs a system call
 * each; that alone would bound a client to some ten thousand requests a second.
 *
 * When they leave by themselves depends on who collects them; nothing waits for company when the line is
 * idle. `afterIo`: when the event loop has handled the I/O of this round. So a client's next calls, made as
 * answers come in, leave together, however many chunks the answers came in. `afterCallback`: as soon as what
 * runs now has ended, with its microtasks. A node's answers are made in one callback, which often comes
 * after the I/O of its round already: `afterIo` would keep them for a whole round.
 *
 * Small frames are written in place, one behind the other, into a slab: thousands of little chunks in one
 * vectored write cost many times what copying them does. Large bodies are not copied: they go as chunks of
 * their own between pieces of the slab.
 *
 *     const at = outbox.reserve(bytes);         // room at the end, to be filled before anything else is done
 *     writeAnswerHeader(outbox.slab, ..., at);  // `slab` is read after `reserve`, which may replace it
 *
 * The rule it protects: bytes that were handed to the socket are not touched until the socket has said that
 * it is done with them. The kernel may not take them at once, and what is overwritten by then would be sent
 * in place of them. So the slab only grows at its end, and begins anew when all writes have been called back.
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { CLIENT_OUTBOX_BYTES_MAX, LENT_BYTES_MIN } from '../limits.ts';

/** Grown for bursts that need it; one that found less use is halved again. */
const SLAB_BYTES_MIN: number = 16 * 1024;
const NONE: Buffer = Buffer.alloc(0);

/** When that leaves which nobody has flushed. */
export type FlushTime = 'afterIo' | 'afterCallback';

/** Collects what is written in one go and hands it to the socket at once. */
export class Outbox {
  readonly #socket: Socket;
  readonly #flushTime: FlushTime;
  #slab: Buffer = NONE;
  /** What lies before it in the slab is the socket's, or a chunk's. */
  #begin = 0;
  #end = 0;
  /** In order, before what lies in the slab. */
  #chunks: Uint8Array[] = [];
  /** Of the chunks and of what lies in the slab. */
  #bytes = 0;
  /** Writes that the socket is not done with. */
  #unwritten = 0;
  #isScheduled = false;
  readonly #scheduled: () => void = () => {
    this.#isScheduled = false;
    this.flush();
  };
  readonly #written: () => void = () => {
    this.#unwritten--;
    if (this.#unwritten === 0 && this.#bytes === 0) this.#beginAnew();
  };

  constructor(socket: Socket, flushTime: FlushTime) {
    this.#socket = socket;
    this.#flushTime = flushTime;
  }

  /** Bytes that were handed over and that the kernel has not taken. */
  get queuedBytes(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  /** Where the room is that `reserve` has made; another one after each call of it. */
  get slab(): Buffer {
    return this.#slab;
  }

  /** Room for so many bytes behind all that was added; where it begins in `slab`. */
  reserve(bytes: number): number {
    if (bytes > this.#slab.length - this.#end) this.#renew(bytes);
    const at = this.#end;
    this.#end = at + bytes;
    this.#bytes += bytes;
    if (!this.#isScheduled) this.#schedule();
    return at;
  }

  /** A small one is copied; a large one is sent from where it lies, and must not change afterwards. */
  add(bytes: Uint8Array): void {
    const { length } = bytes;
    if (length < LENT_BYTES_MIN) {
      if (length === 0) return;
      const at = this.reserve(length);
      this.#slab.set(bytes, at);
      return;
    }
    this.#seal();
    this.#chunks.push(bytes);
    this.#bytes += length;
    if (!this.#isScheduled) this.#schedule();
  }

  /** Hands over what waits, now. */
  flush(): void {
    if (this.#bytes === 0) return;
    const socket = this.#socket;
    const isWritable = !socket.destroyed && socket.writable;
    if (isWritable && this.#chunks.length === 0) {
      this.#write(this.#slab.subarray(this.#begin, this.#end));
    } else if (isWritable) {
      this.#seal();
      socket.cork();
      for (const chunk of this.#chunks) this.#write(chunk);
      socket.uncork();
    }
    this.#begin = this.#end;
    if (this.#chunks.length > 0) this.#chunks = [];
    this.#bytes = 0;
  }

  /** Lets go of the room, for a connection on which nothing moves; unless something waits in it. */
  rest(): void {
    if (this.#bytes > 0 || this.#unwritten > 0) return;
    this.#slab = NONE;
    this.#begin = 0;
    this.#end = 0;
  }

  #write(chunk: Uint8Array): void {
    this.#unwritten++;
    this.#socket.write(chunk, this.#written);
  }

  #schedule(): void {
    this.#isScheduled = true;
    if (this.#flushTime === 'afterIo') setImmediate(this.#scheduled);
    else process.nextTick(this.#scheduled);
  }

  /** What lies in the slab becomes a chunk, so that others can go behind it. */
  #seal(): void {
    if (this.#begin === this.#end) return;
    this.#chunks.push(this.#slab.subarray(this.#begin, this.#end));
    this.#begin = this.#end;
  }

  /** The slab is full. It stays alive for as long as the socket or a chunk needs it. */
  #renew(bytes: number): void {
    this.#seal();
    const size = Math.min(CLIENT_OUTBOX_BYTES_MAX, Math.max(SLAB_BYTES_MIN, this.#slab.length * 2));
    this.#slab = Buffer.allocUnsafeSlow(Math.max(size, bytes));
    this.#begin = 0;
    this.#end = 0;
  }

  /** Nobody holds any of the slab. */
  #beginAnew(): void {
    const { length } = this.#slab;
    const isTooLarge = length > SLAB_BYTES_MIN && this.#end < length / 8;
    // One that a single large answer needed is not worth to be kept by a connection that may fall idle.
    if (length > CLIENT_OUTBOX_BYTES_MAX) this.#slab = NONE;
    else if (isTooLarge) this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES_MIN, length >> 1));
    this.#begin = 0;
    this.#end = 0;
  }
}
