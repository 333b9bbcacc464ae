/**
 * Cuts a byte stream into frames: `u32` length, then so many bytes. Pull-style, so that a door that has
 * enough work in flight can leave the rest of a chunk where it is.
 *
 * Pieces of a large frame are kept as they came and joined once, when the frame is whole; joining at each
 * chunk would copy a frame of a megabyte dozens of times.
 */
import { Buffer } from 'node:buffer';
import { ClusterError } from '../errors.ts';

const LENGTH_BYTES = 4;
const NONE: Buffer = Buffer.alloc(0);

/** Cuts a byte stream into frames. */
export class FrameSplitter {
  readonly #bytesMax: number;
  #ready: Buffer = NONE;
  #at = 0;
  #parts: Buffer[] = [];
  #partBytes = 0;
  /** Bytes that `#ready` and the parts must hold before it is worth looking. */
  #wanted = LENGTH_BYTES;

  /** `bytesMax`: the longest frame that is believed. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** More of the stream. The chunk is the splitter's to keep. */
  push(chunk: Buffer): void {
    if (this.#partBytes === 0 && this.#at === this.#ready.length) {
      this.#ready = chunk;
      this.#at = 0;
      return;
    }
    this.#parts.push(chunk);
    this.#partBytes += chunk.length;
  }

  /** Takes `count` bytes as they are, before frames begin; `undefined` when they are not here yet. */
  take(count: number): Buffer | undefined {
    if (!this.#gather(count)) return undefined;
    this.#at += count;
    return this.#ready.subarray(this.#at - count, this.#at);
  }

  /** The next whole frame without its length. @throws CODEC_INVALID when one is too long. */
  next(): Buffer | undefined {
    if (!this.#gather(this.#wanted)) return undefined;
    const length = this.#ready.readUInt32BE(this.#at);
    if (length > this.#bytesMax) {
      throw new ClusterError(
        'CODEC_INVALID',
        `a frame claims ${length} bytes; at most ${this.#bytesMax} are taken`,
      );
    }
    if (!this.#gather(LENGTH_BYTES + length)) {
      this.#wanted = LENGTH_BYTES + length;
      return undefined;
    }
    this.#wanted = LENGTH_BYTES;
    const start = this.#at + LENGTH_BYTES;
    this.#at = start + length;
    return this.#ready.subarray(start, this.#at);
  }

  /** Everything that was pushed and not taken yet. */
  peek(): Buffer {
    this.#gather(this.#ready.length - this.#at + this.#partBytes);
    return this.#ready.subarray(this.#at);
  }

  /** Makes at least `count` bytes lie in one piece at `#at`, if they have come. */
  #gather(count: number): boolean {
    const here = this.#ready.length - this.#at;
    if (here >= count) return true;
    if (here + this.#partBytes < count) return false;
    this.#ready = Buffer.concat([this.#ready.subarray(this.#at), ...this.#parts]);
    this.#at = 0;
    this.#parts = [];
    this.#partBytes = 0;
    return true;
  }
}
