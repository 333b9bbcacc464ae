/**
 * What both ends of a bulk transfer have in common: frames in and out over a connection of its own,
 * waiting until something happens, and giving up when nothing does.
 *
 *     sender                                receiver
 *     Offer(bytes, MsgSnap)      ->         asks the node for a sink
 *                                <-         Accept(resume at, credit) | Refuse(text)
 *     Chunk(position, data) ...  ->         writes to the sink
 *                                <-         Credit(bytes) as writes complete
 *     Done(bytes)                ->         makes it durable
 *                                <-         Result(ok | text)
 *     Working in either direction: "my disk is slow, but I am alive".
 *
 * The receiver's credit bounds what it must hold; the sender never has more than that and one chunk
 * in memory. A connection of its own means that TCP's order never puts a heartbeat behind a snapshot.
 */
import { ClusterError } from '../errors.ts';
import { FRAME_PIECE_MS_MAX } from '../limits.ts';
import { asBuffer } from '../views.ts';
import type { Clock, Timer } from '../world/index.ts';
import type { Channel } from './channel.ts';
import { encodeFrame, FrameReader, FrameType } from './frame.ts';
import { Watchdog } from './watchdog.ts';

/** How often a side that is busy says so, as a part of the time after which it would be given up. */
const WORKING_PART = 1 / 4;
export const POSITION_BYTES = 8;

/** Called for each frame but Working. An error ends the transfer. */
export type BulkFrameHandler = (type: number, payload: Buffer) => void;

export class BulkWire {
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #watchdog: Watchdog;
  /** Of whole pieces: bytes that drip in are no progress. */
  readonly #pieceWatchdog: Watchdog;
  readonly #reader = new FrameReader();
  #handle: BulkFrameHandler = () => {};
  #onEnd: (error: Error) => void = () => {};
  #workingTimer: Timer | undefined;
  #ownTimer: Timer | undefined;
  #error: Error | undefined;
  #isEnded = false;
  #wake: (() => void) | undefined;

  constructor(channel: Channel, clock: Clock, timeoutMs: number) {
    this.#channel = channel;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#watchdog = new Watchdog(clock, timeoutMs, () => {
      this.fail(new Error(`no progress for ${timeoutMs} ms`));
    });
    this.#pieceWatchdog = new Watchdog(clock, FRAME_PIECE_MS_MAX, (silentMs) => {
      const text = `no piece of a frame was completed for ${Math.round(silentMs)} ms`;
      this.fail(new Error(text));
    });
  }

  get queuedBytes(): number {
    return this.#channel.connection.queuedBytes;
  }

  /** `onEnd`: once, when it broke. Not after `close`. */
  start(rest: Buffer, handle: BulkFrameHandler, onEnd: (error: Error) => void): void {
    this.#handle = handle;
    this.#onEnd = onEnd;
    this.#channel.handle({
      data: (chunk) => this.#data(chunk),
      drain: () => {
        this.#watchdog.heard();
        this.#wake?.();
      },
      close: (error) => this.fail(error ?? new Error('the other side closed the connection')),
    });
    if (rest.length > 0) this.#data(rest);
  }

  write(type: FrameType, parts: readonly Uint8Array[]): void {
    this.#channel.write(encodeFrame(type, 0, parts));
  }

  /** The other side is to be heard from, from now on. */
  expect(): void {
    if (this.#isEnded) return;
    this.#watchdog.start();
    this.#pieceWatchdog.start();
  }

  /** It is not the other side's turn. */
  expectNothing(): void {
    this.#watchdog.stop();
    this.#pieceWatchdog.stop();
  }

  /** Runs `callback` after that time, unless the transfer ends before. One at a time. */
  after(delayMs: number, callback: () => void): Timer {
    this.#ownTimer = this.#clock.after(delayMs, callback);
    return this.#ownTimer;
  }

  /** While `work` lasts, the other side is told that we live. */
  async busy<T>(work: Promise<T>): Promise<T> {
    this.#armWorking();
    try {
      return await work;
    } finally {
      this.#workingTimer?.cancel();
      this.#workingTimer = undefined;
    }
  }

  /** Waits for the other side until `isReached`. @throws what ended the transfer. */
  async until(isReached: () => boolean): Promise<void> {
    if (this.#error === undefined && isReached()) return;
    this.expect();
    while (this.#error === undefined && !isReached()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.expectNothing();
    this.assertOpen();
  }

  assertOpen(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** Ends it in good order. */
  close(): void {
    this.#end();
    this.#channel.destroy();
  }

  /** Ends it because of `error`. */
  fail(error: Error): void {
    if (this.#isEnded) return;
    this.#error = error;
    this.#end();
    this.#channel.destroy(error);
    this.#onEnd(error);
  }

  #end(): void {
    this.#isEnded = true;
    this.expectNothing();
    this.#workingTimer?.cancel();
    this.#ownTimer?.cancel();
    this.#wake?.();
  }

  #armWorking(): void {
    if (this.#isEnded) return;
    this.#workingTimer?.cancel();
    this.#workingTimer = this.#clock.after(this.#timeoutMs * WORKING_PART, () => {
      this.write(FrameType.BulkWorking, []);
      this.#armWorking();
    });
  }

  #data(chunk: Uint8Array): void {
    if (this.#isEnded) return;
    this.#watchdog.heard();
    const before = this.#reader.pieces;
    try {
      this.#reader.push(chunk, (type, _kind, payload) => {
        const bytes = asBuffer(payload);
        if (type !== FrameType.BulkWorking) this.#handle(type, bytes);
        return !this.#isEnded;
      });
      if (this.#reader.pieces > before) this.#pieceWatchdog.heard();
    } catch (error) {
      this.fail(error as Error);
    }
    this.#wake?.();
  }
}

export function positionBytes(value: number): Buffer {
  const bytes = Buffer.alloc(POSITION_BYTES);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** @throws ClusterError CODEC_INVALID. */
export function readPosition(payload: Buffer, offset = 0): number {
  const value = payload.length >= offset + POSITION_BYTES ? payload.readBigUInt64BE(offset) : -1n;
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ClusterError('CODEC_INVALID', 'a bulk frame holds no valid position');
  }
  return Number(value);
}
