/**
 * Base-128 integers as Protocol Buffers write them, for numbers that are safe integers in memory.
 *
 * JavaScript's bit operations stop at 32 bits, so a value beyond is split by division. Nothing in
 * here rounds: what does not fit into 53 bits is refused, because a rounded term or index is a
 * corrupted log (DESIGN, Numbers and identities).
 */
import { ClusterError } from '../../errors.ts';
import { RAFT_GROUP_NESTING_MAX, RAFT_MESSAGE_ITEMS_MAX } from '../../limits.ts';

/** What does not fit into the seven bits of one byte, and the mark that another one follows. */
const BITS_7 = 0x80;
const TWO_28 = 0x1000_0000;
const TWO_32 = 0x1_0000_0000;
/** A uint64 takes ten bytes at most; the tenth is the sixth after the four that are read first. */
const TENTH_BYTE_SHIFT = 35;

const START_GROUP = 3;
const END_GROUP = 4;

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
  // Terms, ids and lengths of small things: one byte.
  if (value < BITS_7) {
    buffer[offset] = value;
    return offset + 1;
  }
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
 * How many objects may still be made of bytes that came together. An empty entry takes two bytes on
 * the wire and fifty in memory, so a bound on bytes alone is none. Whoever takes apart several messages
 * of one frame hands the same budget to all of them.
 */
export class DecodeBudget {
  #itemsLeft: number;

  constructor(items: number = RAFT_MESSAGE_ITEMS_MAX) {
    this.#itemsLeft = items;
  }

  /** False: there is room for no more. */
  take(): boolean {
    if (this.#itemsLeft <= 0) return false;
    this.#itemsLeft -= 1;
    return true;
  }
}

/**
 * A cursor over one message's bytes. Each read checks its bounds against `end`, never against the
 * buffer, so that a nested message can't read its parent's bytes.
 */
export class Reader {
  readonly bytes: Uint8Array;
  pos: number;
  end: number;
  /** What `bytes` is a view of, and where it begins there: asked once, since asking is a call each time. */
  readonly #buffer: ArrayBufferLike;
  readonly #bufferOffset: number;
  readonly #budget: DecodeBudget;
  /** The low 32 bits and the high 32 bits of the last varint that was too wide for a number. */
  #wideLow = 0;
  #wideHigh = 0;

  constructor(bytes: Uint8Array, budget: DecodeBudget = new DecodeBudget()) {
    this.bytes = bytes;
    this.#buffer = bytes.buffer;
    this.#bufferOffset = bytes.byteOffset;
    this.#budget = budget;
    this.pos = 0;
    this.end = bytes.length;
  }

  /** To be called before anything is made of which a message may hold many. */
  countItem(): void {
    if (this.#budget.take()) return;
    throw this.invalid(`more than ${RAFT_MESSAGE_ITEMS_MAX} entries or ids came together`);
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

  /** Begins a nested message, and returns where its parent ends: to be handed to `leave`. */
  enter(): number {
    const parentEnd = this.end;
    this.end = this.length();
    return parentEnd;
  }

  leave(parentEnd: number): void {
    this.end = parentEnd;
  }

  /**
   * A view, not a copy: it lives as long as the buffer that it was read from. Made without `subarray`, which
   * asks first what kind of array it is to make.
   */
  view(): Uint8Array {
    const end = this.length();
    const start = this.pos;
    this.pos = end;
    return new Uint8Array(this.#buffer, this.#bufferOffset + start, end - start);
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
      case START_GROUP:
        this.#skipGroup(tag >>> 3);
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

  /**
   * Groups are how proto2 once nested messages: no length, but a tag at the end. Nobody writes them
   * into raftpb; whoever may add fields may add one. A loop, so that depth costs no stack.
   */
  #skipGroup(field: number): void {
    const open = [field];
    while (open.length > 0) {
      if (this.pos >= this.end) throw this.invalid('the message ends inside a group');
      const tag = this.tag();
      const wireType = tag & 7;
      if (wireType === START_GROUP) {
        if (open.length >= RAFT_GROUP_NESTING_MAX) {
          throw this.invalid(`groups are nested deeper than ${RAFT_GROUP_NESTING_MAX}`);
        }
        open.push(tag >>> 3);
      } else if (wireType !== END_GROUP) this.skip(tag);
      else if (open.pop() !== tag >>> 3) throw this.invalid('a group ends that did not begin');
    }
  }

  #advance(count: number): void {
    if (count > this.end - this.pos) throw this.invalid('the message ends inside a field');
    this.pos += count;
  }

  /** The value, or -1 when it takes more than 53 bits; `#wideLow/High` hold it then. */
  #varint(): number {
    const { bytes, pos } = this;
    // Nearly all tags, and many numbers: small enough to become part of whoever reads one.
    if (pos < this.end) {
      const byte = bytes[pos]!;
      if (byte < BITS_7) {
        this.pos = pos + 1;
        return byte;
      }
    }
    return this.#manyByteVarint();
  }

  #manyByteVarint(): number {
    const { bytes, end } = this;
    let pos = this.pos;
    let low = 0;
    // Four bytes stay within 32-bit arithmetic.
    for (let shift = 0; shift < 28; shift += 7) {
      if (pos >= end) throw this.invalid('the message ends inside a number');
      const byte = bytes[pos++]!;
      low |= (byte & 0x7f) << shift;
      if (byte < BITS_7) {
        this.pos = pos;
        return low;
      }
    }
    return this.#longVarint(pos, low);
  }

  #longVarint(pos: number, low28: number): number {
    const { bytes, end } = this;
    let middle = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      if (pos >= end) throw this.invalid('the message ends inside a number');
      const byte = bytes[pos++]!;
      if (shift < 28) middle |= (byte & 0x7f) << shift;
      // Bit 63 and none above it: cut off, 2^64 would pass for 0.
      else if (shift === TENTH_BYTE_SHIFT && byte > 1) {
        throw this.invalid(
          byte < 0x80 ? 'a number exceeds 64 bits' : 'a number is longer than ten bytes',
        );
      } else high |= (byte & 0x7f) << (shift - 28);
      if (byte < 0x80) break;
    }
    this.pos = pos;
    // Bits 0-27, 28-55 and 56-63.
    const value = (high * TWO_28 + middle) * TWO_28 + low28;
    if (high === 0 && value <= Number.MAX_SAFE_INTEGER) return value;
    this.#wideLow = (low28 | (middle << 28)) >>> 0;
    this.#wideHigh = ((middle >>> 4) | (high << 24)) >>> 0;
    return -1;
  }
}
