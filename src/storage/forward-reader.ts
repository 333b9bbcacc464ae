/**
 * Reads a file from some place to its end in large reads, each byte once, and one read ahead: while a
 * piece is being checked, a thread of the pool fetches the next one.
 *
 * What lies within one piece is handed out as a view of it, for checking a log of gigabytes must not copy
 * it; only what lies across the boundary of two pieces is put together. So what was handed out holds until
 * the next call: a piece is read over when something behind it is asked for.
 */
import { STORAGE_READ_BYTES } from '../limits.ts';
import { asBuffer } from '../views.ts';

/** What is read, from its beginning to `size`. */
export interface ByteSource {
  readonly size: number;
  /** `into`: memory of that length that may be used for the answer. */
  read(position: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
}

export class ForwardReader {
  readonly source: ByteSource;
  /** Neighbours, from `#start` up to `#end`. */
  #pieces: Buffer[] = [];
  #start: number;
  #end: number;
  /** The piece behind `#end`, on its way. */
  #ahead: Promise<Buffer> | undefined;
  /** A piece that is not needed any more: new memory for each would cost as much as reading into it. */
  #spare: Buffer | undefined;

  /** `from`: nothing before it will be asked for. */
  constructor(source: ByteSource, from: number) {
    this.source = source;
    this.#start = from;
    this.#end = from;
  }

  /** The same as `take` without waiting, when the newest piece has it all: the usual case. */
  peek(at: number, length: number): Buffer | undefined {
    const piece = this.#pieces[this.#pieces.length - 1];
    if (piece === undefined || at + length > this.#end) return undefined;
    const from = at - (this.#end - piece.length);
    return from < 0 ? undefined : piece.subarray(from, from + length);
  }

  /** `length` bytes from `at` on, never before an earlier `at`; zeros behind the end. */
  async take(at: number, length: number): Promise<Buffer> {
    while (this.#pieces.length > 0 && this.#start + this.#pieces[0]!.length <= at) {
      this.#spare = this.#pieces.shift()!;
      this.#start += this.#spare.length;
    }
    while (this.#end < at + length) await this.#load(at + length - this.#end);
    return this.peek(at, length) ?? this.#gather(at, length);
  }

  /** Settles when no read is under way any more. */
  async end(): Promise<void> {
    await this.#ahead?.catch(() => {});
  }

  async #load(missing: number): Promise<void> {
    const coming = this.#ahead ?? this.#next();
    this.#ahead = undefined;
    const piece = (await coming) ?? Buffer.alloc(missing);
    this.#pieces.push(piece);
    this.#end += piece.length;
    this.#ahead = this.#next();
    // Who asks for it is told; nobody may.
    this.#ahead?.catch(() => {});
  }

  /** `undefined`: the file ends before. */
  #next(): Promise<Buffer> | undefined {
    const length = Math.min(STORAGE_READ_BYTES, this.source.size - this.#end);
    if (length <= 0) return undefined;
    const spare = this.#spare;
    this.#spare = undefined;
    const into = spare !== undefined && spare.length >= length ? spare : undefined;
    return readPadded(this.source, this.#end, length, into);
  }

  #gather(at: number, length: number): Buffer {
    const gathered = Buffer.allocUnsafe(length);
    let to = 0;
    let from = at - this.#start;
    for (const piece of this.#pieces) {
      to += piece.copy(gathered, to, from);
      from = 0;
    }
    return gathered;
  }
}

/** What lies behind the end of the file reads as zeros: it was never written either. */
export async function readPadded(
  source: ByteSource,
  position: number,
  length: number,
  into?: Uint8Array,
): Promise<Buffer> {
  const available = Math.max(0, Math.min(length, source.size - position));
  const bytes = available === 0 ? Buffer.alloc(0) : await source.read(position, available, into);
  if (bytes.length === length) return asBuffer(bytes);
  const padded = Buffer.alloc(length);
  padded.set(bytes);
  return padded;
}
