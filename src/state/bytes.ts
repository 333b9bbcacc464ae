/**
 * Reading and writing the flat binary forms of this room: commands, results, changes, snapshots.
 *
 * Numbers are unsigned LEB128, so that the common small ones take a byte; each has exactly one
 * encoding (a longer one is refused), because results are hashed and snapshots compared. Increments
 * are 64-bit signed, little-endian. Bytes are a length and the bytes.
 *
 * What may go wrong: bytes from outside may say anything. Every read checks its bounds first and
 * fails with the code that the caller of the reader chose, naming what was read and where. A number
 * above 2^53 - 1 is an error, never a rounding.
 */
import { ClusterError, type ErrorCode } from '../errors.ts';

export const NO_BYTES: Uint8Array = new Uint8Array(0);

const WRITER_BYTES_MIN = 256;
/** A writer that once held a large command gives that memory back. */
const WRITER_BYTES_KEPT = 64 * 1024;
const UINT_BYTES_MAX = 8;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const STIR = 0x2c1b3c6d;

/** A hash of 32 bits: FNV-1a, and a last stir so that the low bits depend on all others. */
export function hashKey(bytes: Uint8Array, start: number, end: number): number {
  let hash = FNV_OFFSET;
  for (let at = start; at < end; at++) {
    hash = Math.imul(hash ^ (bytes[at] as number), FNV_PRIME);
  }
  hash = Math.imul(hash ^ (hash >>> 15), STIR);
  return hash ^ (hash >>> 13);
}

/** Byte order, a shorter one before what it begins. Negative, 0, positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** A copy in memory of its own. (`slice` of a Buffer is a view, and views pin the whole they were cut from.) */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** Bytes that `writeUint` takes for a whole number from 0 to 2^53 - 1. */
export function uintLength(value: number): number {
  let length = 1;
  for (; value >= 0x80; value = Math.floor(value / 0x80)) length++;
  return length;
}

/** As `ByteWriter.uint`, for who has made room and knows the number to be good; answers where it ends. */
export function writeUint(target: Uint8Array, at: number, value: number): number {
  while (value >= 0x80) {
    target[at++] = (value % 0x80) | 0x80;
    value = Math.floor(value / 0x80);
  }
  target[at++] = value;
  return at;
}

export function writeU32LE(target: Uint8Array, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 24;
}

export function readU32LE(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  return (low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0;
}

export class ByteWriter {
  /** What it begins with, and begins with again after `take`. */
  readonly #roomBytes: number;
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  /** `roomBytes`: about as much as is written at a time. */
  constructor(roomBytes: number = WRITER_BYTES_MIN) {
    this.#roomBytes = roomBytes;
    this.#bytes = new Uint8Array(roomBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
    return this;
  }

  /** A whole number from 0 to 2^53 - 1. */
  uint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new ClusterError('CODEC_INVALID', `${value} is no whole number from 0 to 2^53 - 1`);
    }
    this.#reserve(UINT_BYTES_MAX);
    while (value >= 0x80) {
      this.#bytes[this.#length++] = (value % 0x80) | 0x80;
      value = Math.floor(value / 0x80);
    }
    this.#bytes[this.#length++] = value;
    return this;
  }

  i64(value: bigint): this {
    this.#reserve(8);
    this.#view.setBigInt64(this.#length, value, true);
    this.#length += 8;
    return this;
  }

  blob(value: Uint8Array): this {
    this.uint(value.length);
    return this.raw(value);
  }

  raw(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** What was written so far, valid until the next write or `clear`. */
  peek(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > WRITER_BYTES_KEPT) this.#resize(WRITER_BYTES_KEPT);
  }

  /** A copy of what was written; the writer is empty again. */
  finish(): Uint8Array {
    const bytes = this.#bytes.slice(0, this.#length);
    this.clear();
    return bytes;
  }

  /** What was written, and no copy of it; the writer is empty again, with memory that is new. */
  take(): Uint8Array {
    const bytes = this.peek();
    this.#length = 0;
    this.#resize(this.#roomBytes);
    return bytes;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed > this.#bytes.length) this.#resize(Math.max(needed, this.#bytes.length * 2));
  }

  #resize(size: number): void {
    const larger = new Uint8Array(size);
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

export class ByteReader {
  readonly #code: ErrorCode;
  readonly #what: string;
  #bytes: Uint8Array;
  #at: number;
  #end: number;

  /** Reads `bytes` from `start` to `end`; fails with `code`, calling the whole `what`. */
  constructor(
    bytes: Uint8Array,
    code: ErrorCode,
    what: string,
    start = 0,
    end: number = bytes.length,
  ) {
    this.#bytes = bytes;
    this.#code = code;
    this.#what = what;
    this.#at = start;
    this.#end = end;
  }

  get position(): number {
    return this.#at;
  }

  /** Goes on with other bytes: for who reads many short things, and would need a reader for each. */
  over(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  u8(name: string): number {
    if (this.#at >= this.#end) this.fail(`ends before ${name}`);
    return this.#bytes[this.#at++] as number;
  }

  uint(name: string): number {
    let value = 0;
    let scale = 1;
    for (let count = 1; ; count++) {
      const byte = this.u8(name);
      if (count === UINT_BYTES_MAX && byte > 0x0f) this.fail(`has a ${name} above 2^53 - 1`);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && count > 1) this.fail(`has a ${name} with needless bytes`);
        return value;
      }
      scale *= 0x80;
    }
  }

  i64(name: string): bigint {
    if (this.#end - this.#at < 8) this.fail(`ends inside ${name}`);
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.#at, 8);
    this.#at += 8;
    return view.getBigInt64(0, true);
  }

  /** A view into the bytes that are read: copy it to keep it. */
  blob(name: string): Uint8Array {
    const length = this.uint(name);
    const start = this.#at;
    if (length > this.#end - start) this.fail(`ends inside ${name}`);
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** Answers its length; it ends where the reader stands. */
  skipBlob(name: string): number {
    const length = this.uint(name);
    if (length > this.#end - this.#at) this.fail(`ends inside ${name}`);
    this.#at += length;
    return length;
  }

  /** How many things follow, each of at least one byte: so a false count can not make us reserve memory. */
  count(name: string): number {
    const count = this.uint(name);
    if (count > this.#end - this.#at) this.fail(`has fewer ${name} than it says`);
    return count;
  }

  flag(name: string): boolean {
    const byte = this.u8(name);
    if (byte > 1) this.fail(`has ${byte} where ${name} is 0 or 1`);
    return byte === 1;
  }

  done(): void {
    if (this.#at !== this.#end) this.fail(`has ${this.#end - this.#at} bytes after its end`);
  }

  fail(problem: string, extra: Readonly<Record<string, unknown>> = {}): never {
    throw new ClusterError(this.#code, `${this.#what} ${problem} (byte ${this.#at})`, {
      details: { ...extra, field: 'bytes', position: this.#at },
    });
  }
}
