/** The sending end of a bulk transfer; see bulk-wire.ts for its course. */
import { BULK_CHUNK_BYTES } from '../limits.ts';
import type { Message } from '../raft/index.ts';
import type { Clock } from '../world/index.ts';
import { type BulkWire, positionBytes, readPosition } from './bulk-wire.ts';
import { FrameType } from './frame.ts';
import { encodeMessage } from './message-codec.ts';
import type { BulkSource } from './types.ts';

/** A slow rate is kept in steps of at most this, so that the other side sees progress. */
const RATE_STEP_SECONDS = 0.25;
const RATE_STEP_BYTES_MIN = 1_024;

export class BulkSender {
  readonly #wire: BulkWire;
  readonly #clock: Clock;
  readonly #bytesPerSecond: number | undefined;
  #accepted: number | undefined;
  #credit = 0;
  #result: { readonly error: string | undefined } | undefined;
  #readyMs = 0;

  constructor(wire: BulkWire, clock: Clock, bytesPerSecond: number | undefined) {
    this.#wire = wire;
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Resolves when the other side has made it durable. @throws Error saying what happened. */
  send(message: Message, source: BulkSource, rest: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      // A source that never answers must not keep the caller waiting when the connection breaks.
      this.#wire.start(rest, (type, payload) => this.#frame(type, payload), reject);
      this.#run(message, source).then(resolve, reject);
    });
  }

  async #run(message: Message, source: BulkSource): Promise<void> {
    const wire = this.#wire;
    wire.write(FrameType.BulkOffer, [positionBytes(source.bytes), encodeMessage(message)]);
    await wire.until(() => this.#accepted !== undefined || this.#result !== undefined);
    this.#throwRefusal();
    let position = this.#accepted!; // until() saw it, and there was no refusal
    if (position > source.bytes) {
      throw new Error(`the receiver wants to go on at ${position} of ${source.bytes} bytes`);
    }
    while (position < source.bytes) position += await this.#sendChunk(source, position);
    wire.write(FrameType.BulkDone, [positionBytes(position)]);
    await wire.until(() => this.#result !== undefined);
    this.#throwRefusal();
    wire.close();
  }

  async #sendChunk(source: BulkSource, position: number): Promise<number> {
    const wire = this.#wire;
    await wire.until(() => this.#result !== undefined || (this.#credit > 0 && !this.#isFull));
    this.#throwRefusal();
    const length = Math.min(this.#stepBytes, this.#credit, source.bytes - position);
    const chunk = await wire.busy(this.#read(source, position, length));
    wire.assertOpen();
    this.#throwRefusal();
    if (chunk.length === 0 || chunk.length > length) {
      throw new Error(`the source gave ${chunk.length} of ${length} bytes at ${position}`);
    }
    this.#credit -= chunk.length;
    wire.write(FrameType.BulkChunk, [positionBytes(position), chunk]);
    return chunk.length;
  }

  get #isFull(): boolean {
    return this.#wire.queuedBytes > 0;
  }

  get #stepBytes(): number {
    const rate = this.#bytesPerSecond;
    if (rate === undefined) return BULK_CHUNK_BYTES;
    const step = Math.max(RATE_STEP_BYTES_MIN, Math.floor(rate * RATE_STEP_SECONDS));
    return Math.min(step, BULK_CHUNK_BYTES);
  }

  /** Reads when the rate allows it. */
  async #read(source: BulkSource, position: number, length: number): Promise<Uint8Array> {
    const rate = this.#bytesPerSecond;
    if (rate !== undefined) {
      const nowMs = this.#clock.now();
      const waitMs = this.#readyMs - nowMs;
      this.#readyMs = Math.max(nowMs, this.#readyMs) + (length / rate) * 1_000;
      if (waitMs > 0) await new Promise<void>((done) => this.#wire.after(waitMs, done));
    }
    return await source.read(position, length);
  }

  #throwRefusal(): void {
    if (this.#result?.error !== undefined) throw new Error(this.#result.error);
  }

  #frame(type: number, payload: Buffer): void {
    switch (type) {
      case FrameType.BulkAccept:
        this.#accepted = readPosition(payload);
        this.#credit += readPosition(payload, 8);
        break;
      case FrameType.BulkCredit:
        this.#credit += readPosition(payload);
        break;
      case FrameType.BulkRefuse:
        this.#result = { error: `the receiver refused it: ${payload.toString()}` };
        break;
      case FrameType.BulkResult:
        this.#result = {
          error: payload.length === 0 ? undefined : `the receiver failed: ${payload.toString()}`,
        };
        break;
      default:
    }
  }
}
