/**
 * One direction of a connection: what the kernels of both hosts and the cable between them hold.
 *
 *     writer's process | out of its kernel, on the cable (`#flying`) | reader's kernel (`#arrived`) | reader
 *
 * Cables and kernels work on nature's time; what reaches a process is delivered on its own loop, so one
 * that stands still finds everything when it goes on, and one that is dead nothing.
 *
 * Truths of TCP that are kept:
 * - Order. A segment that is late, or sent again, holds up all that follow.
 * - A reader that does not read (paused, or standing still) lets its kernel's buffer fill; then the
 *   sender's; then the sending process is told to wait, and told when it may go on.
 * - What was read counts as sent only when the sender's kernel hears of it: with the way back cut it
 *   can send a buffer full and no more.
 * - A kernel that gets no answer sends again after 200, 600, 1400 ms ...: when a cut ends, what was held
 *   back arrives with the next attempt, not at once. (Without weather it does: unit tests are simpler.)
 *   After `giveUpMs` it ends the connection for its own process; the other side is not told.
 * - Of a process that dies the kernel still sends what it has taken, and then a reset. Of a host that
 *   loses its power nothing comes any more; when it is back, it answers old connections by a reset.
 */
import { crc32 } from 'node:zlib';

import { NetworkError, type Timer } from '../../src/world/index.ts';
import type { MemoryConnection } from './memory-connection.ts';
import type { MemoryNetwork } from './memory-network.ts';
import type { NetworkProcess } from './network-process.ts';
import { type LinkState, nextRetransmission } from './network-weather.ts';

/** The end of a stream travels behind its bytes. */
interface StreamEnd {
  readonly error: Error | undefined;
}

/** Bytes or the end, on their way. */
interface Segment {
  readonly content: Uint8Array | StreamEnd;
  readonly readyMs: number;
}

export class MemoryPipe {
  readonly from: NetworkProcess;
  readonly to: NetworkProcess;
  /** The other direction. */
  twin!: MemoryPipe;
  writer: MemoryConnection | undefined;
  isPaused = false;
  /** Nothing of it arrives, and nobody is told. */
  isLost = false;
  /** The host at the far end knows nothing of it: it answers by a reset. */
  isOrphan = false;
  isEnded = false;
  readonly #network: MemoryNetwork;
  readonly #link: LinkState;
  readonly #back: LinkState;
  /** The end that reads, once it has attached. */
  #reader: MemoryConnection | undefined;
  #flying: Segment[] = [];
  #arrived: (Uint8Array | StreamEnd)[] = [];
  #arrivedBytes = 0;
  /** Given by the writer and not known to have been read. */
  #bytes = 0;
  /** Read, but the news of it did not get back. */
  #unheardBytes = 0;
  #isClosing = false;
  #failure: Error | undefined;
  #isScheduled = false;
  #readsDue = 0;
  #lastReadyMs = 0;
  /** When the line has carried what was given to it last. */
  #freeMs = 0;
  /** Lost with the power of a host, and not on the way. */
  #isUnplugged = false;
  #stuckSinceMs: number | undefined;
  #giveUp: Timer | undefined;

  constructor(network: MemoryNetwork, from: NetworkProcess, to: NetworkProcess) {
    this.#network = network;
    this.from = from;
    this.to = to;
    this.#link = network.link(from.host, to.host);
    this.#back = network.link(to.host, from.host);
  }

  /** Beyond what the kernel holds. */
  get overflowBytes(): number {
    return Math.max(0, this.#bytes - this.#network.kernelBytes);
  }

  /** Neither closed nor broken, as far as the writer's side knows. */
  get isOpen(): boolean {
    return !this.isEnded && !this.isLost && !this.isOrphan && !this.#isClosing;
  }

  // ---- the writer's side ------------------------------------------------------------------------

  push(chunks: readonly Uint8Array[]): void {
    if (this.isEnded || this.#isClosing) return;
    let left = 0;
    for (const chunk of chunks) left += chunk.length;
    this.#bytes += left;
    // A copy: what arrives elsewhere never shares memory with what was sent.
    const stream = joined(chunks, left);
    for (let at = 0; left > 0; ) {
      const size = this.#link.pieceBytes(left, this.#network.chunkBytes);
      this.#send(size === stream.length ? stream : stream.slice(at, at + size));
      at += size;
      left -= size;
    }
    this.wake();
  }

  /** The writer's process is done with it: what its kernel has taken still goes out. */
  close(error?: Error): void {
    if (this.#isClosing || this.isEnded) return;
    this.#isClosing = true;
    if (this.isLost || this.isOrphan) {
      this.#end();
      return;
    }
    this.#keepKernelsShare();
    this.#send({ error });
    this.wake();
  }

  #send(content: Uint8Array | StreamEnd): void {
    const readyMs = this.#network.clock.now() + this.#link.transit();
    this.#lastReadyMs = Math.max(this.#lastReadyMs, readyMs);
    this.#flying.push({ content, readyMs: this.#lastReadyMs });
  }

  #keepKernelsShare(): void {
    let excess = this.overflowBytes;
    this.#bytes -= excess;
    while (excess > 0) {
      const last = this.#flying.pop();
      // What has arrived may count as overflow while the news of it is held up.
      if (last === undefined || !(last.content instanceof Uint8Array)) return;
      const kept = last.content.length - excess;
      excess -= last.content.length;
      if (kept <= 0) continue;
      this.#flying.push({ content: last.content.subarray(0, kept), readyMs: last.readyMs });
    }
  }

  // ---- on the cable -----------------------------------------------------------------------------

  /** Something may be able to move that was not before. */
  wake(): void {
    if (this.isEnded) return;
    if (this.#unheardBytes > 0 && !this.#back.isCut) {
      const bytes = this.#unheardBytes;
      this.#unheardBytes = 0;
      if (this.#stuckSinceMs === undefined) this.#moved();
      this.#acknowledged(bytes);
    }
    const first = this.#flying[0];
    if (first === undefined || this.#isScheduled || this.#isReaderFull) return;
    if (this.#isBlocked) {
      this.#stuck();
      return;
    }
    const nowMs = this.#network.clock.now();
    let atMs = Math.max(first.readyMs, this.#freeMs);
    if (this.#stuckSinceMs !== undefined && this.#network.hasWeather) {
      atMs = Math.max(atMs, nextRetransmission(this.#stuckSinceMs, nowMs));
    }
    if (this.isOrphan) atMs += this.#back.latency();
    this.#isScheduled = true;
    this.#network.clock.io(atMs - nowMs, this.#arrive);
  }

  get #isBlocked(): boolean {
    if (this.isLost || this.#link.isCut) return true;
    if (this.isOrphan && this.#back.isCut) return true;
    return this.#network.isDead(this.from.host) || this.#network.isDead(this.to.host);
  }

  get #isReaderFull(): boolean {
    return this.#arrivedBytes >= this.#network.kernelBytes;
  }

  readonly #arrive = (): void => {
    this.#isScheduled = false;
    if (this.isEnded) return;
    if (this.#isBlocked) {
      this.#stuck();
      return;
    }
    if (this.isOrphan) {
      this.#answeredByReset();
      return;
    }
    const nowMs = this.#network.clock.now();
    while (!this.#isReaderFull && !this.isEnded) {
      const first = this.#flying[0];
      if (first === undefined || first.readyMs > nowMs || this.#freeMs > nowMs) break;
      this.#flying.shift();
      this.#moved();
      this.#take(first.content);
    }
    this.#scheduleReads();
    this.wake();
  };

  #take(content: Uint8Array | StreamEnd): void {
    const link = this.#link;
    if (!(content instanceof Uint8Array)) {
      this.#arrived.push(content);
      return;
    }
    if (link.bytesPerMs !== undefined) {
      this.#freeMs = this.#network.clock.now() + content.length / link.bytesPerMs;
    }
    let bytes = content;
    let isReset = false;
    if (link.resetAfterBytes !== undefined) {
      const left = link.resetAfterBytes;
      isReset = left < content.length;
      link.resetAfterBytes = isReset ? undefined : left - content.length;
      if (isReset) bytes = content.subarray(0, left);
    }
    if (bytes.length > 0) this.#arrived.push(bytes);
    this.#arrivedBytes += bytes.length;
    if (!isReset) return;
    link.struck.resets += 1;
    this.#scheduleReads();
    this.break();
  }

  #stuck(): void {
    this.#stuckSinceMs ??= this.#network.clock.now();
    this.#awaitAnswer();
  }

  /** Not for ever. */
  #awaitAnswer(): void {
    const { clock, giveUpMs } = this.#network;
    if (giveUpMs === undefined || this.#giveUp !== undefined) return;
    this.#giveUp = clock.io(giveUpMs, () => {
      const error = new NetworkError('timeout', 'the connection broke: no answer to what was sent');
      this.#endForWriter(error);
      this.twin.strand();
    });
  }

  #moved(): void {
    this.#stuckSinceMs = undefined;
    this.#giveUp?.cancel();
    this.#giveUp = undefined;
  }

  // ---- the reader's side ------------------------------------------------------------------------

  attach(reader: MemoryConnection): void {
    this.#reader = reader;
    this.#scheduleReads();
    if (this.#failure !== undefined) this.#tellReader(this.#failure);
  }

  resume(): void {
    this.isPaused = false;
    this.#scheduleReads();
  }

  /** One delivery for each piece, all in one turn: promises settle between them. */
  #scheduleReads(): void {
    if (this.isPaused || this.#reader === undefined) return;
    while (this.#readsDue < this.#arrived.length) {
      this.#readsDue += 1;
      this.to.loop.io(0, this.#read);
    }
  }

  readonly #read = (): void => {
    this.#readsDue -= 1;
    const reader = this.#reader;
    if (reader === undefined || this.isPaused || this.to.isDead) return;
    const content = this.#arrived.shift();
    if (content === undefined) return;
    if (!(content instanceof Uint8Array)) {
      this.#end();
      this.#trace('close', 0, 0);
      reader.closed(content.error);
      return;
    }
    this.#arrivedBytes -= content.length;
    if (this.#network.trace !== undefined) this.#trace('data', content.length, crc32(content));
    if (this.#back.isCut && !this.isLost) {
      this.#unheardBytes += content.length;
      this.#awaitAnswer();
    } else this.#acknowledged(content.length);
    reader.received(content);
    this.wake();
  };

  /** The sender's kernel has room again. */
  #acknowledged(bytes: number): void {
    this.#bytes -= bytes;
    const { writer } = this;
    if (writer?.owesDrain !== true || this.#bytes > this.#network.kernelBytes) return;
    this.from.loop.io(0, this.#drained);
  }

  readonly #drained = (): void => this.writer?.drained();

  #tellReader(error: Error): void {
    this.to.loop.io(0, () => {
      this.#trace('close', 0, 1);
      this.#reader?.closed(error);
    });
  }

  // ---- ends -------------------------------------------------------------------------------------

  /** Something between the two sends a reset to both. What has arrived can still be read. */
  break(): void {
    const error = reset();
    for (const pipe of [this, this.twin]) {
      if (pipe.isEnded) continue;
      pipe.#end();
      pipe.#failure = error;
      if (pipe.#reader !== undefined) pipe.#tellReader(error);
    }
  }

  /** As `break`, but only this pipe's reader hears of it. */
  breakForReader(): void {
    this.isLost = true;
    this.twin.isLost = true;
    this.#tellReader(reset());
  }

  /** Nobody reads it any more, whatever arrives. */
  abandon(): void {
    this.#arrived = [];
    this.#reader = undefined;
    // Else the writer's side would never learn that nobody is there.
    if (!this.isOrphan) this.#end();
  }

  /** The host at one of its ends has lost its power: a cable hangs loose. */
  powerLost(host: string): void {
    this.#isUnplugged ||= !this.isLost;
    this.isLost = true;
    if (this.from.host === host) this.#flying = [];
    if (this.to.host === host) this.#reader = undefined;
  }

  /** The host at its far end is back, and has forgotten everything. */
  powerIsBack(): void {
    if (!this.#isUnplugged) return;
    this.isLost = false;
    this.strand();
  }

  /** The far end knows nothing of it any more: what is written is answered by a reset. */
  strand(): void {
    if (this.isEnded) return;
    this.isOrphan = true;
    this.#arrived = [];
    this.#arrivedBytes = 0;
    this.#reader = undefined;
    if (this.#isClosing) this.#end();
    else this.wake();
  }

  #answeredByReset(): void {
    this.#endForWriter(reset());
  }

  #endForWriter(error: Error): void {
    if (this.isEnded) return;
    const { writer, twin } = this;
    this.#end();
    this.from.loop.io(0, () => {
      twin.#trace('close', 0, 2);
      writer?.closed(error);
    });
  }

  #end(): void {
    this.isEnded = true;
    this.#flying = [];
    this.#moved();
    this.#network.forget(this);
  }

  #trace(kind: string, bytes: number, sum: number): void {
    this.#network.trace?.(kind, this.from.host, this.to.host, bytes, sum);
  }
}

function reset(): NetworkError {
  return new NetworkError('reset', 'the connection broke');
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = chunks;
  if (chunks.length === 1 && first !== undefined) return new Uint8Array(first);
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
