/**
 * Reads the fields of one frame, and `u64` fields are written here too. Whatever does not fit is a named
 * error and never a rounding: a revision beyond 2^53 - 1 would silently become another revision.
 */
import type { Buffer } from 'node:buffer';
import { ClusterError } from '../errors.ts';
import { asBuffer } from '../views.ts';

const TWO_32 = 0x1_0000_0000;
const HIGH_MAX = 0x1f_ffff;

/** Big-endian, without the checks of `writeUInt32BE`: whoever calls has made the room. */
export function writeU32(into: Uint8Array, value: number, at: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

export function writeU64(into: Uint8Array, value: number, at: number): void {
  writeU32(into, Math.floor(value / TWO_32), at);
  writeU32(into, value, at + 4);
}

/** The four bytes must be there: outside of the array lies 0. */
export function readU32(from: Uint8Array, at: number): number {
  return from[at]! * 0x100_0000 + ((from[at + 1]! << 16) | (from[at + 2]! << 8) | from[at + 3]!);
}

/** The eight bytes must be there. @throws CODEC_INVALID above 2^53 - 1. */
export function readU64(from: Uint8Array, at: number): number {
  const high = readU32(from, at);
  if (high <= HIGH_MAX) return high * TWO_32 + readU32(from, at + 4);
  throw new ClusterError('CODEC_INVALID', `number at byte ${at} of the frame exceeds 2^53 - 1`);
}

export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = asBuffer(bytes);
  }

  u8(): number {
    return this.#bytes[this.#advance(1)]!;
  }

  u16(): number {
    return this.#bytes.readUInt16BE(this.#advance(2));
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4));
  }

  u64(): number {
    return readU64(this.#bytes, this.#advance(8));
  }

  /** 0 or 1, nothing else. */
  flag(): boolean {
    const value = this.u8();
    if (value > 1) throw new ClusterError('CODEC_INVALID', `a flag of ${value} is neither 0 nor 1`);
    return value === 1;
  }

  /** A view into the frame. */
  blob(): Buffer {
    const length = this.u32();
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  rest(): Buffer {
    const rest = this.#bytes.subarray(this.#at);
    this.#at = this.#bytes.length;
    return rest;
  }

  /** Nothing may be left: a longer frame than its fields is one that this side does not understand. */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left !== 0) throw new ClusterError('CODEC_INVALID', `${left} bytes too many in the frame`);
  }

  #advance(count: number): number {
    const at = this.#at;
    if (at + count > this.#bytes.length) {
      throw new ClusterError(
        'CODEC_INVALID',
        `frame of ${this.#bytes.length} bytes ends within a field at byte ${at}`,
      );
    }
    this.#at = at + count;
    return at;
  }
}
