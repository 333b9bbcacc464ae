/**
 * Base-128 integers as Protocol Buffers write them, for numbers that are safe integers in memory.
 *
 * JavaScript's bit operations stop at 32 bits, so a value beyond is split by division. Nothing in
 * here rounds: what does not fit into 53 bits is refused, because a rounded term or index is a
 * corrupted log (DESIGN, Numbers and identities).
 */
import { ClusterError } from '../../errors.ts';

const BITS_7 = 0x80;
const TWO_28 = 0x1000_0000;
const TWO_32 = 0x1_0000_0000;
/** A uint64 takes ten bytes at most. */
const VARINT_BYTES_MAX = 10;

/** Bytes that `value` takes as a varint. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < TWO_28) return 4;
  let size = 5;
  for (let rest = Math.floor(value / TWO_28 / BITS_7); rest > 0; rest = Math.floor(rest / BITS_7)) {
    size += 1;
  }
  return size;
}

/** Writes `value` at `offset`; returns the offset after it. */
export function writeVarint(buffer: Uint8Array, offset: number, value: number): number {
  while (value >= TWO_32) {
    buffer[offset++] = (value % BITS_7) | BITS_7;
    value = Math.floor(value / BITS_7);
  }
  while (value >= BITS_7) {
    buffer[offset++] = (value & 0x7f) | BITS_7;
    value >>>= 7;
  }
  buffer[offset++] = value;
  return offset;
}

/** Refuses what the codec must never write: negative, fractional, rounded. */
export function checkUnsigned(value: number, field: string): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new ClusterError(
    'CODEC_INVALID',
    `${field} must be a safe integer of at least 0, got ${value}`,
    { details: { field, value } },
  );
}

/**
 * A cursor over one message's bytes. Each read checks its bounds against `end`, never against the
 * buffer, so that a nested message can't read its parent's bytes.
 */
export class Reader {
  readonly bytes: Uint8Array;
  pos: number;
  end: number;
  /** The low 32 bits and the high 32 bits of the last varint that was too wide for a number. */
  #wideLow = 0;
  #wideHigh = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.pos = 0;
    this.end = bytes.length;
  }

  /** A safe integer. */
  unsigned(field: string): number {
    const value = this.#varint();
    if (value < 0) throw this.invalid(`${field} exceeds the safe integers`);
    return value;
  }

  /** A boolean: any number but 0 is true, as Protocol Buffers read it. */
  flag(): boolean {
    return this.#varint() !== 0;
  }

  /** A member's id, or -1 and -2 for the two ids at the top of the range (the storage threads). */
  id(field: string): number {
    const value = this.#varint();
    if (value >= 0) return value;
    if (this.#wideHigh === 0xffff_ffff) {
      if (this.#wideLow === 0xffff_ffff) return -1;
      if (this.#wideLow === 0xffff_fffe) return -2;
    }
    throw this.invalid(
      `${field} is a member id beyond the safe integers; random 64-bit ids are not supported`,
    );
  }

  /** Field number and wire type. */
  tag(): number {
    const tag = this.#varint();
    if (tag < 8 || tag >= TWO_32) throw this.invalid('a field tag is out of range');
    return tag;
  }

  /** A length prefix; returns where the field's bytes end, which is inside this message. */
  length(): number {
    const length = this.#varint();
    if (length < 0 || length > this.end - this.pos) {
      throw this.invalid('a field is longer than its message');
    }
    return this.pos + length;
  }

  /** A view, not a copy: it lives as long as the buffer that it was read from. */
  view(): Uint8Array {
    const end = this.length();
    const view = this.bytes.subarray(this.pos, end);
    this.pos = end;
    return view;
  }

  /** Steps over a field that this version does not know. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.#varint();
        return;
      case 1:
        this.#advance(8);
        return;
      case 2:
        this.pos = this.length();
        return;
      case 5:
        this.#advance(4);
        return;
      default:
        throw this.invalid(`wire type ${tag & 7} is not supported`);
    }
  }

  invalid(what: string): ClusterError {
    return new ClusterError('CODEC_INVALID', `raftpb: ${what} (at byte ${this.pos})`, {
      details: { offset: this.pos, length: this.bytes.length },
    });
  }

  #advance(count: number): void {
    if (count > this.end - this.pos) throw this.invalid('the message ends inside a field');
    this.pos += count;
  }

  /** The value, or -1 when it takes more than 53 bits; `#wideLow/High` hold it then. */
  #varint(): number {
    const { bytes, end } = this;
    let pos = this.pos;
    let low = 0;
    // Most numbers are short: four bytes stay within 32-bit arithmetic.
    for (let shift = 0; shift < 28; shift += 7) {
      if (pos >= end) throw this.invalid('the message ends inside a number');
      const byte = bytes[pos++]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.pos = pos;
        return low;
      }
    }
    return this.#longVarint(pos, low);
  }

  #longVarint(pos: number, low28: number): number {
    const { bytes, end } = this;
    const limit = pos - 4 + VARINT_BYTES_MAX;
    let middle = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      if (pos >= end) throw this.invalid('the message ends inside a number');
      if (pos >= limit) throw this.invalid('a number is longer than ten bytes');
      const byte = bytes[pos++]!;
      if (shift < 28) middle |= (byte & 0x7f) << shift;
      else high |= (byte & 0x7f) << (shift - 28);
      if (byte < 0x80) break;
    }
    this.pos = pos;
    // Bits 0-27, 28-55 and 56-63; the tenth byte of a negative number carries more, cut as by 64 bits.
    high &= 0xff;
    const value = (high * TWO_28 + middle) * TWO_28 + low28;
    if (high === 0 && value <= Number.MAX_SAFE_INTEGER) return value;
    this.#wideLow = (low28 | (middle << 28)) >>> 0;
    this.#wideHigh = ((middle >>> 4) | (high << 24)) >>> 0;
    return -1;
  }
}
