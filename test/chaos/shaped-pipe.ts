/**
 * One direction of one connection: bytes go in as they come, and out as the link's shape lets them. Held
 * back, late, or a few at a time; but never lost, doubled or out of order, since TCP would not do that
 * either. The end of the stream waits its turn behind the bytes, so that on a cut link nobody learns that
 * the other side is gone, as nobody would.
 *
 * The rule: what waits is bounded. Beyond it the source is paused, and its own kernel slows it down.
 */
import type { Socket } from 'node:net';

/** How one direction between two nodes behaves now. It is changed while connections live. */
export interface LinkShape {
  /** Nothing comes out until it is released. */
  isHeld: boolean;
  delayMs: number;
  /** Up to so much more, by chance, for each chunk. */
  jitterMs: number;
  /** `Infinity`: as fast as it goes. */
  bytesPerSecond: number;
}

export function plainShape(): LinkShape {
  return { isHeld: false, delayMs: 0, jitterMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };
}

/** A chunk that waits; `undefined`: the end of the stream. */
interface Waiting {
  readonly chunk: Buffer | undefined;
  readonly dueMs: number;
}

const WAITING_BYTES_MAX = 1024 * 1024;
/** A slow link passes pieces of this size, so that the rate is one also within a second. */
const PIECE_BYTES = 1_024;

export class ShapedPipe {
  readonly #source: Socket;
  readonly #target: Socket;
  readonly #shape: LinkShape;
  readonly #chance: () => number;
  readonly #queue: Waiting[] = [];
  #waitingBytes = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  /** `chance`: numbers in [0, 1). */
  constructor(source: Socket, target: Socket, shape: LinkShape, chance: () => number) {
    this.#source = source;
    this.#target = target;
    this.#shape = shape;
    this.#chance = chance;
    target.on('drain', () => this.release());
  }

  push(chunk: Buffer): void {
    const { bytesPerSecond } = this.#shape;
    if (!Number.isFinite(bytesPerSecond)) {
      this.#take(chunk, 0);
    } else {
      for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
        const piece = chunk.subarray(at, at + PIECE_BYTES);
        this.#take(piece, (piece.length / bytesPerSecond) * 1_000);
      }
    }
    if (this.#waitingBytes > WAITING_BYTES_MAX) this.#source.pause();
    this.release();
  }

  /** The source has ended, however it did. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#take(undefined, 0);
    this.release();
  }

  /** To be called when the shape was changed: lets out what may go. */
  release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (!this.#shape.isHeld && !this.#target.writableNeedDrain) {
      const first = this.#queue[0];
      if (first === undefined) break;
      // What was delayed before the link was healed has waited long enough.
      const leftMs = this.#isPlain ? 0 : first.dueMs - performance.now();
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.release(), Math.ceil(leftMs));
        break;
      }
      this.#queue.shift();
      this.#pass(first.chunk);
    }
    if (this.#waitingBytes <= WAITING_BYTES_MAX && this.#source.isPaused()) this.#source.resume();
  }

  /** Nothing more will come out. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
    this.#hasEnded = true;
  }

  #take(chunk: Buffer | undefined, spacingMs: number): void {
    const { delayMs, jitterMs } = this.#shape;
    const now = performance.now();
    const soonest = this.#isPlain ? now : now + delayMs + jitterMs * this.#chance();
    // Behind what is before it: a stream has an order.
    const before = this.#isPlain ? now : Math.max(now, this.#lastDueMs);
    this.#lastDueMs = Math.max(soonest, before + spacingMs);
    this.#queue.push({ chunk, dueMs: this.#lastDueMs });
    this.#waitingBytes += chunk?.length ?? 0;
  }

  get #isPlain(): boolean {
    const { delayMs, jitterMs, bytesPerSecond } = this.#shape;
    return delayMs === 0 && jitterMs === 0 && !Number.isFinite(bytesPerSecond);
  }

  #pass(chunk: Buffer | undefined): void {
    if (chunk === undefined) {
      this.#target.end();
      return;
    }
    this.#waitingBytes -= chunk.length;
    if (this.#target.writable) this.#target.write(chunk);
  }
}
