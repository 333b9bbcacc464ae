/**
 * The receiving end of a bulk transfer; see bulk-wire.ts for its course.
 *
 * The sink is told in order: writes one after the other, then `finish`, or `abort` exactly once, and
 * never while one of its writes is running. Once `finish` was called the bytes are the sink's: a
 * connection that breaks then leaves the sender in doubt, not the receiver.
 */
import { ClusterError } from '../errors.ts';
import { textOf } from '../given.ts';
import type { Message } from '../raft/index.ts';
import { viewOf } from '../views.ts';
import { type BulkWire, POSITION_BYTES, positionBytes, readPosition } from './bulk-wire.ts';
import { FrameType } from './frame.ts';
import { decodeMessage } from './message-codec.ts';
import type { BulkSink } from './types.ts';

/** Enough of an error for people. */
const ERROR_CHARS_MAX = 500;

export interface BulkReceiverParts {
  readonly wire: BulkWire;
  readonly windowBytes: number;
  readonly finishTimeoutMs: number;
  /** Asks the node. */
  open(message: Message): Promise<BulkSink>;
  /** Last of all, whatever happened. */
  ended(error: Error | undefined): void;
}

export class BulkReceiver {
  readonly #parts: BulkReceiverParts;
  readonly #wire: BulkWire;
  #isOffered = false;
  /** The node is being asked for a sink. */
  #isOpening = false;
  #total = 0;
  /** Up to where chunks have come, and been written. */
  #received = 0;
  #written = 0;
  #granted = 0;
  #isDone = false;
  #isFinishing = false;
  #isAborted = false;
  #sink: BulkSink | undefined;
  #chunks: Uint8Array[] = [];
  #isWriting = false;
  #failure: Error | undefined;
  #hasEnded = false;

  constructor(parts: BulkReceiverParts) {
    this.#parts = parts;
    this.#wire = parts.wire;
  }

  start(rest: Buffer): void {
    this.#wire.expect();
    this.#wire.start(
      rest,
      (type, payload) => this.#frame(type, payload),
      (error) => this.#fail(error),
    );
  }

  /** From outside: the transport stops, or a newer transfer takes the place of this one. */
  abort(error: Error): void {
    this.#wire.fail(error);
  }

  #frame(type: number, payload: Buffer): void {
    if (type === FrameType.BulkOffer) this.#offer(payload);
    else if (type === FrameType.BulkChunk) this.#chunk(payload);
    else if (type === FrameType.BulkDone) this.#done(payload);
  }

  #offer(payload: Buffer): void {
    if (this.#isOffered) throw outOfTurn('a second offer');
    this.#isOffered = true;
    this.#total = readPosition(payload);
    const message = decodeMessage(viewOf(payload, POSITION_BYTES));
    this.#wire.expectNothing();
    const opening = this.#parts.open(message);
    this.#isOpening = true;
    this.#wire.busy(opening).then(
      (sink) => this.#opened(sink),
      (error: unknown) => this.#refuse(error),
    );
  }

  #opened(sink: BulkSink): void {
    this.#isOpening = false;
    this.#sink = sink;
    if (this.#failure !== undefined) {
      this.#abortSink(this.#failure);
      return;
    }
    if (!(sink.received >= 0 && sink.received <= this.#total)) {
      this.#wire.fail(new Error(`the sink has ${sink.received} of ${this.#total} bytes`));
      return;
    }
    this.#received = sink.received;
    this.#written = sink.received;
    this.#granted = sink.received + this.#parts.windowBytes;
    const window = positionBytes(this.#parts.windowBytes);
    this.#wire.write(FrameType.BulkAccept, [positionBytes(sink.received), window]);
    this.#wire.expect();
  }

  #refuse(error: unknown): void {
    this.#isOpening = false;
    if (this.#failure !== undefined) {
      this.#end(this.#failure);
      return;
    }
    this.#wire.write(FrameType.BulkRefuse, [errorBytes(error)]);
    this.#hangUp(error as Error);
  }

  #chunk(payload: Buffer): void {
    const position = readPosition(payload);
    const data = viewOf(payload, POSITION_BYTES);
    if (this.#sink === undefined || this.#isDone) throw outOfTurn('a chunk');
    if (position !== this.#received) throw outOfTurn(`a chunk at ${position}`);
    this.#received += data.length;
    if (this.#received > Math.min(this.#granted, this.#total)) throw outOfTurn('more than granted');
    this.#chunks.push(data);
    void this.#writeAll();
  }

  #done(payload: Buffer): void {
    if (this.#sink === undefined || this.#isDone) throw outOfTurn('the end');
    if (readPosition(payload) !== this.#total || this.#received !== this.#total) {
      throw outOfTurn(`the end at ${this.#received} of ${this.#total} bytes`);
    }
    this.#isDone = true;
    this.#wire.expectNothing();
    void this.#writeAll();
  }

  /** Hands over what is here; one write at a time. */
  async #writeAll(): Promise<void> {
    const sink = this.#sink;
    if (this.#isWriting || sink === undefined) return;
    this.#isWriting = true;
    try {
      while (this.#failure === undefined && this.#chunks.length > 0) {
        const chunk = this.#chunks.shift()!;
        // Nobody waits for the sender while we have not given it credit again.
        if (this.#received === this.#granted) this.#wire.expectNothing();
        await sink.write(chunk);
        this.#credit(chunk.length);
      }
    } catch (error) {
      this.#report(error);
    }
    this.#isWriting = false;
    if (this.#failure !== undefined) this.#abortSink(this.#failure);
    else if (this.#isDone && this.#written === this.#total) await this.#finish(sink);
  }

  #credit(bytes: number): void {
    this.#written += bytes;
    if (this.#failure !== undefined || this.#isDone) return;
    this.#granted += bytes;
    this.#wire.write(FrameType.BulkCredit, [positionBytes(bytes)]);
    this.#wire.expect();
  }

  async #finish(sink: BulkSink): Promise<void> {
    if (this.#isFinishing) return;
    this.#isFinishing = true;
    const limit = this.#wire.after(this.#parts.finishTimeoutMs, () => {
      this.#wire.fail(new Error('making it durable takes too long'));
    });
    try {
      await this.#wire.busy(sink.finish());
      this.#wire.write(FrameType.BulkResult, []);
      this.#hangUp(undefined);
    } catch (error) {
      this.#report(error);
      this.#end(error as Error);
    } finally {
      limit.cancel();
    }
  }

  /** Our own fault: the sender is told what it was. */
  #report(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error as Error;
    this.#wire.write(FrameType.BulkResult, [errorBytes(error)]);
    this.#hangUp(error as Error);
  }

  /** The sender closes the connection when it has read the answer. */
  #hangUp(error: Error | undefined): void {
    this.#end(error);
    this.#wire.expect();
  }

  /** The connection broke, or was broken off. */
  #fail(error: Error): void {
    this.#failure ??= error;
    this.#chunks = [];
    if (!this.#isOpening && !this.#isWriting && !this.#isFinishing) this.#abortSink(error);
  }

  #abortSink(error: Error): void {
    if (this.#isAborted || this.#isFinishing) return;
    this.#isAborted = true;
    this.#sink?.abort(error);
    this.#end(error);
  }

  #end(error: Error | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#parts.ended(error);
  }
}

function errorBytes(error: unknown): Buffer {
  const text = textOf(error);
  return Buffer.from((text === '' ? 'unknown error' : text).slice(0, ERROR_CHARS_MAX));
}

function outOfTurn(what: string): ClusterError {
  return new ClusterError('CODEC_INVALID', `${what} came out of turn in a bulk transfer`);
}
