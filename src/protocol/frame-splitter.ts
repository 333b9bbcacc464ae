/**
 * Cuts a byte stream into frames: `u32` length, then so many bytes. Pull-style, so that a door that has
 * enough work in flight can leave the rest of a chunk where it is.
 *
 * A frame that lies whole in a chunk is read there: `advance` goes to it, and `bytes`, `start` and `end` say
 * where it is, so that a small frame costs no view of its own. Only one that lies across chunks is copied,
 * once, when all of it has come: joining at each chunk would copy a frame of a megabyte dozens of times, and
 * joining whole chunks would copy everything for the sake of one frame in a hundred.
 */
import { Buffer } from 'node:buffer';
import { ClusterError } from '../errors.ts';
import { readU32 } from './byte-reader.ts';

const LENGTH_BYTES = 4;
const NONE: Buffer = Buffer.alloc(0);

/** Cuts a byte stream into frames. */
export class FrameSplitter {
  readonly #bytesMax: number;
  /** What is read, from `#at` on; behind it come the parts. */
  #ready: Buffer = NONE;
  #at = 0;
  #parts: Buffer[] = [];
  #partBytes = 0;
  #start = 0;
  #end = 0;

  /** `bytesMax`: the longest frame that is believed. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Where the frame lies that `advance` went to, until anything else is done here. */
  get bytes(): Buffer {
    return this.#ready;
  }

  /** Of the frame in `bytes`, behind its length. */
  get start(): number {
    return this.#start;
  }

  /** Behind the frame in `bytes`. */
  get end(): number {
    return this.#end;
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

  /** Goes to the next frame. False: not all of it is here yet. @throws CODEC_INVALID when it is too long. */
  advance(): boolean {
    if (this.#ready.length - this.#at < LENGTH_BYTES && !this.#gather(LENGTH_BYTES)) return false;
    const length = readU32(this.#ready, this.#at);
    if (length > this.#bytesMax) {
      throw new ClusterError(
        'CODEC_INVALID',
        `a frame claims ${length} bytes; at most ${this.#bytesMax} are taken`,
      );
    }
    const whole = LENGTH_BYTES + length;
    if (this.#ready.length - this.#at < whole && !this.#gather(whole)) return false;
    this.#start = this.#at + LENGTH_BYTES;
    this.#end = this.#start + length;
    this.#at = this.#end;
    return true;
  }

  /** The next whole frame without its length, as a view. @throws CODEC_INVALID when one is too long. */
  next(): Buffer | undefined {
    return this.advance() ? this.#ready.subarray(this.#start, this.#end) : undefined;
  }

  /** Everything that was pushed and not taken yet. */
  peek(): Buffer {
    this.#gather(this.#ready.length - this.#at + this.#partBytes);
    return this.#ready.subarray(this.#at);
  }

  /** Makes `count` bytes lie in one piece at `#at`, if they have come; copies only what must be joined. */
  #gather(count: number): boolean {
    let here = this.#ready.length - this.#at;
    if (here >= count) return true;
    if (here + this.#partBytes < count) return false;
    if (here === 0) {
      this.#ready = this.#parts.shift()!;
      this.#at = 0;
      this.#partBytes -= this.#ready.length;
      return this.#gather(count);
    }
    const joined = Buffer.allocUnsafe(count);
    joined.set(this.#ready.subarray(this.#at));
    while (here < count) {
      const part = this.#parts[0]!;
      const taken = Math.min(part.length, count - here);
      joined.set(part.subarray(0, taken), here);
      here += taken;
      this.#partBytes -= taken;
      if (taken === part.length) this.#parts.shift();
      else this.#parts[0] = part.subarray(taken);
    }
    this.#ready = joined;
    this.#at = 0;
    return true;
  }
}
