/**
 * One established connection for messages: reads frames, writes what the peer's queue holds, and
 * notices when the other side is gone.
 *
 * Writing: at most KERNEL_BYTES_OUTSTANDING_MAX is handed over beyond what the kernel has taken, in
 * pieces of at most FRAGMENT_BYTES_MAX, urgent frames first. So a heartbeat waits behind that much at
 * most. All pieces that fit go out as one vectored write. There is one writer, this one (SD-15).
 * A kernel that takes everything at once would keep us writing, and everybody else waiting, until the
 * queue is empty: after LINK_TURN_BYTES_MAX the rest goes in the next turn of the loop, urgent frames
 * excepted.
 *
 * Life: a side that wrote nothing for `pingIntervalMs` writes a ping; nobody answers it. A side that
 * heard nothing for `deadAfterMs` drops the connection (SD-16), after making sure that the silence was
 * not its own (see watchdog.ts). Bytes that drip in without ever making up a piece of a frame count as
 * silence too, after FRAME_PIECE_MS_MAX. If only one direction is dead, the side that hears nothing drops it,
 * and the other learns of it through the direction that works.
 */
import {
  FRAGMENT_BYTES_MAX,
  FRAME_PIECE_MS_MAX,
  KERNEL_BYTES_OUTSTANDING_MAX,
  LINK_TURN_BYTES_MAX,
} from '../limits.ts';
import type { Clock, Timer } from '../world/index.ts';
import type { Channel } from './channel.ts';
import { encodeFrame, FRAME_HEADER_BYTES, FrameReader, FrameType } from './frame.ts';
import type { Identity } from './handshake-codec.ts';
import { isQuestion, type LifeSign, RollCall } from './roll-call.ts';
import type { SendQueue } from './send-queue.ts';
import { Watchdog } from './watchdog.ts';

/** Less room than this is not worth a piece. */
const PIECE_BYTES_MIN = 4 * 1024;

export interface LinkEvents {
  /** A whole frame; pings are not told. */
  frame(link: Link, type: number, kind: number, payload: Uint8Array): void;
  closed(link: Link, reason: 'closed' | 'timeout', error: Error): void;
}

export interface LinkParts {
  readonly channel: Channel;
  readonly theirs: Identity;
  readonly nonce: string;
  readonly isDialedByUs: boolean;
  readonly queue: SendQueue;
  readonly clock: Clock;
  readonly pingIntervalMs: number;
  readonly deadAfterMs: number;
  readonly events: LinkEvents;
}

export class Link {
  readonly theirs: Identity;
  readonly nonce: string;
  readonly isDialedByUs: boolean;
  readonly sinceMs: number;
  sentFrames = 0;
  receivedFrames = 0;
  readonly #parts: LinkParts;
  readonly #channel: Channel;
  readonly #queue: SendQueue;
  readonly #reader = new FrameReader();
  readonly #watchdog: Watchdog;
  /** Of whole pieces: pings come far more often. */
  readonly #pieceWatchdog: Watchdog;
  readonly #rollCall: RollCall;
  #pingTimer: Timer | undefined;
  #wroteMs: number;
  /** It wrote as much as one turn may; the next one has been asked for. */
  #isTurnOver = false;
  #isOpen = true;
  #reason: 'closed' | 'timeout' = 'closed';

  constructor(parts: LinkParts) {
    this.#parts = parts;
    this.theirs = parts.theirs;
    this.nonce = parts.nonce;
    this.isDialedByUs = parts.isDialedByUs;
    this.sinceMs = parts.clock.now();
    this.#wroteMs = this.sinceMs;
    this.#channel = parts.channel;
    this.#queue = parts.queue;
    this.#watchdog = new Watchdog(parts.clock, parts.deadAfterMs, (silentMs) =>
      this.#silent('nothing was heard', silentMs),
    );
    this.#pieceWatchdog = new Watchdog(parts.clock, FRAME_PIECE_MS_MAX, (silentMs) =>
      this.#silent('no piece of a frame was completed', silentMs),
    );
    this.#rollCall = new RollCall({
      clock: parts.clock,
      ask: (question) => {
        this.#send(encodeFrame(FrameType.Question, 0, [question]));
      },
      silent: (silentMs) => this.#silent('no answer came', silentMs),
    });
  }

  get isOpen(): boolean {
    return this.#isOpen && !this.#channel.isGone;
  }

  get remote(): string {
    return this.#channel.remote;
  }

  /** Begins to read and to write. `rest`: what came right behind the handshake. */
  start(rest: Buffer): void {
    this.#channel.handle({
      data: (chunk) => this.#data(chunk),
      drain: () => this.pump(),
      close: (error) => this.#close(error),
    });
    this.#watchdog.start();
    this.#pieceWatchdog.start();
    this.#armPing();
    if (rest.length > 0) this.#data(rest);
    this.pump();
  }

  /** Writes what waits, as far as the kernel's share and that of this turn go. */
  pump(): void {
    const leftBytes = this.#write(this.#isTurnOver ? 0 : LINK_TURN_BYTES_MAX);
    if (this.#isTurnOver || leftBytes > 0 || this.#queue.isEmpty) return;
    this.#isTurnOver = true;
    this.#parts.clock.soon(() => {
      this.#isTurnOver = false;
      this.pump();
    });
  }

  /** Writes what must not wait until `pump` has written to others: urgent frames; all, if it is little. */
  pumpFirst(): void {
    if (this.#queue.bytes <= FRAGMENT_BYTES_MAX) this.pump();
    else this.#write(0);
  }

  /** Urgent frames, and others up to `bytesMax` in all; answers what is left of those. */
  #write(bytesMax: number): number {
    const queue = this.#queue;
    let leftBytes = bytesMax;
    const waits = (): boolean => (leftBytes > 0 ? !queue.isEmpty : queue.hasUrgent);
    while (this.isOpen && waits()) {
      const roomBytes = KERNEL_BYTES_OUTSTANDING_MAX - this.#channel.connection.queuedBytes;
      if (roomBytes < PIECE_BYTES_MIN) break;
      const chunks: Uint8Array[] = [];
      let taken = 0;
      while (roomBytes - taken >= PIECE_BYTES_MIN && waits()) {
        const piece = queue.take(chunks, roomBytes - taken - FRAME_HEADER_BYTES);
        if (piece === undefined) break;
        taken += piece.bytes;
        leftBytes -= piece.bytes;
        if (piece.isFirst) this.sentFrames += 1;
      }
      this.#send(chunks);
    }
    return leftBytes;
  }

  /** Whether the process at the other end lives. After `gone` the connection is not open any more. */
  async callRoll(): Promise<LifeSign> {
    return this.isOpen ? await this.#rollCall.call() : 'gone';
  }

  /** Drops it without telling anybody: it was replaced, or its peer removed. */
  discard(): void {
    if (!this.#isOpen) return;
    this.#stop();
    this.#channel.destroy();
  }

  #silent(what: string, silentMs: number): void {
    this.#reason = 'timeout';
    const text = `${what} from node ${this.theirs.nodeId} for ${Math.round(silentMs)} ms`;
    this.#channel.destroy(new Error(text));
  }

  #send(chunks: readonly Uint8Array[]): void {
    this.#wroteMs = this.#parts.clock.now();
    this.#channel.write(chunks);
  }

  /** While bytes wait for the kernel a ping would only wait behind them. */
  #armPing(delayMs: number = this.#parts.pingIntervalMs): void {
    const { clock, pingIntervalMs } = this.#parts;
    this.#pingTimer = clock.after(delayMs, () => {
      if (!this.isOpen) return;
      const restMs = this.#wroteMs + pingIntervalMs - clock.now();
      const isIdle = restMs <= 0 && this.#channel.connection.queuedBytes === 0;
      if (isIdle) this.#send(encodeFrame(FrameType.Ping, 0, []));
      this.#armPing(restMs > 0 ? restMs : pingIntervalMs);
    });
  }

  #data(chunk: Uint8Array): void {
    if (!this.#isOpen) return;
    this.#watchdog.heard();
    this.#rollCall.heard();
    const before = this.#reader.pieces;
    try {
      this.#reader.push(chunk, this.#frame);
      if (this.#reader.pieces > before) this.#pieceWatchdog.heard();
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'CODEC_INVALID')
        throw error;
      this.#channel.destroy(error);
    }
  }

  readonly #frame = (type: number, kind: number, payload: Uint8Array): boolean => {
    if (type === FrameType.Question) this.#answer(payload);
    else if (type === FrameType.Answer) this.#rollCall.answered(payload);
    else if (type !== FrameType.Ping) {
      this.receivedFrames += 1;
      this.#parts.events.frame(this, type, kind, payload);
    }
    return this.isOpen;
  };

  /** Ahead of all that waits. Who asks without reading the answers gets no more of them. */
  #answer(question: Uint8Array): void {
    if (!isQuestion(question)) return;
    if (this.#channel.connection.queuedBytes > KERNEL_BYTES_OUTSTANDING_MAX) return;
    this.#send(encodeFrame(FrameType.Answer, 0, [question]));
  }

  #close(error: Error | undefined): void {
    if (!this.#isOpen) return;
    this.#stop();
    const { nodeId } = this.theirs;
    const why = error ?? new Error(`node ${nodeId} at ${this.remote} closed the connection`);
    this.#parts.events.closed(this, this.#reason, why);
  }

  #stop(): void {
    this.#isOpen = false;
    this.#watchdog.stop();
    this.#pieceWatchdog.stop();
    this.#rollCall.stop();
    this.#pingTimer?.cancel();
  }
}
