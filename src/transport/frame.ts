/**
 * Frames: how a stream of bytes between two peers is cut into payloads that are whole or absent.
 *
 * A header of 24 bytes, big endian, then the payload:
 *
 *      0  u8   magic 0x51
 *      1  u8   type     what the payload is (FrameType)
 *      2  u8   kind     the node's own protocol, for type Node; else 0
 *      3  u8   flags    1: goes on with the frame whose first piece came before; the rest is 0
 *      4  u32  group    0 for now
 *      8  u32  length   bytes of payload in this piece, at most FRAGMENT_BYTES_MAX
 *     12  u32  total    bytes of payload in the whole frame
 *     16  u32  crc32 of this piece's payload
 *     20  u32  crc32 of bytes 0 to 19
 *
 * The header has a checksum of its own, since a damaged length would be believed before the payload's
 * checksum could be looked at (SD-17: a stream that lost its step must end, never be guessed at).
 * A frame may come in several pieces, and whole frames may come between them: this is how a heartbeat
 * passes a large append. Only one frame at a time is in pieces.
 *
 * Both sides hold FRAME_BYTES_MAX: the sender refuses what the receiver would not take (SD-18).
 * An older reader skips frames of a type that it does not know; anything else that it does not
 * expect ends the connection. A change of the header is a new version of the handshake.
 */
import { crc32 } from 'node:zlib';

import { assert, ClusterError } from '../errors.ts';
import { FRAGMENT_BYTES_MAX, FRAME_BYTES_MAX } from '../limits.ts';
import { asBuffer, viewOf } from '../views.ts';
import type { LentBytes } from './message-codec.ts';

export const FrameType = {
  /** `{ u32 length | message as raftpb }` repeated. */
  Messages: 1,
  /** Payload of a protocol of the node; `kind` says which. */
  Node: 2,
  /** No payload, no answer: proof of life of a side that has nothing to say. */
  Ping: 3,
  /** A number (8 bytes), to be sent back at once: "are you still there?" (see roll-call.ts). */
  Question: 4,
  Answer: 5,
  BulkOffer: 16,
  BulkAccept: 17,
  BulkRefuse: 18,
  BulkChunk: 19,
  BulkCredit: 20,
  BulkDone: 21,
  BulkWorking: 22,
  BulkResult: 23,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x51;
const FLAG_CONTINUES = 1;
const CRC_AT = 20;

interface Header {
  readonly type: number;
  readonly kind: number;
  readonly continues: boolean;
  readonly length: number;
  readonly total: number;
  readonly crc: number;
}

/** Of CRC-32, a byte at a time: for the few bytes of a header the way into zlib costs more than they do. */
const CRC_TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  return crc;
});

/** Of the header that begins at `start`, without its own checksum. */
function headerCrc(bytes: Buffer, start: number): number {
  let crc = -1;
  for (let at = start; at < start + CRC_AT; at++) {
    crc = CRC_TABLE[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

/**
 * A frame on its way out, handed out piece by piece. Its payload is one buffer with room for a header in
 * front; what is large can be lent to it instead, and goes out from where it lies. The pieces are views
 * of both, so nothing is copied on the way to the kernel.
 */
export class OutFrame {
  readonly type: FrameType;
  readonly kind: number;
  readonly #buffer: Buffer;
  readonly #total: number;
  /** The payload in order, when something was lent. */
  #parts: Uint8Array[] | undefined;
  #part = 0;
  #partSent = 0;
  #sent = 0;
  #isStarted = false;

  /**
   * The payload, less the `lentBytes` that `lend` brings, is to be written to `payload` before the first
   * piece is taken.
   */
  constructor(type: FrameType, kind: number, payloadBytes: number, lentBytes = 0) {
    assert(payloadBytes <= FRAME_BYTES_MAX, 'a frame exceeds FRAME_BYTES_MAX', { payloadBytes });
    this.type = type;
    this.kind = kind;
    this.#total = payloadBytes;
    this.#buffer = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payloadBytes - lentBytes);
  }

  get payload(): Buffer {
    return this.#buffer.subarray(FRAME_HEADER_BYTES);
  }

  /** Of the whole payload. */
  get bytes(): number {
    return this.#total;
  }

  get isDone(): boolean {
    return this.#isStarted && this.#sent === this.#total;
  }

  /** What belongs between the bytes of `payload`, in order; it must never change. */
  lend(lent: readonly LentBytes[]): void {
    const { payload } = this;
    const parts: Uint8Array[] = [];
    let from = 0;
    let bytes = payload.length;
    for (const { at, bytes: part } of lent) {
      parts.push(payload.subarray(from, at), part);
      from = at;
      bytes += part.length;
    }
    parts.push(payload.subarray(from));
    assert(bytes === this.#total, 'more or less was lent than was announced', { bytes });
    this.#parts = parts;
  }

  /** From the beginning again, for another connection. */
  rewind(): void {
    this.#sent = 0;
    this.#part = 0;
    this.#partSent = 0;
    this.#isStarted = false;
  }

  /** Appends the next piece, of at most `bytesMax` bytes of payload, to `chunks`; returns its size. */
  take(chunks: Uint8Array[], bytesMax: number): number {
    const length = Math.min(this.#total - this.#sent, bytesMax, FRAGMENT_BYTES_MAX);
    if (this.#parts !== undefined) this.#takeOf(this.#parts, chunks, length);
    else {
      const start = FRAME_HEADER_BYTES + this.#sent;
      const end = start + length;
      const piece = this.#buffer.subarray(start, end);
      // The bytes before a later piece may still be in the kernel's queue: they must not change.
      const header = this.#isStarted ? Buffer.allocUnsafe(FRAME_HEADER_BYTES) : this.#buffer;
      this.#writeHeader(header, length, crc32(piece));
      if (this.#isStarted) chunks.push(header, piece);
      else chunks.push(this.#buffer.subarray(0, end));
    }
    this.#isStarted = true;
    this.#sent += length;
    return FRAME_HEADER_BYTES + length;
  }

  #takeOf(parts: readonly Uint8Array[], chunks: Uint8Array[], length: number): void {
    const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
    chunks.push(header);
    let crc = 0;
    for (let left = length; left > 0; ) {
      const part = parts[this.#part]!;
      const from = this.#partSent;
      const to = Math.min(part.length, from + left);
      if (to > from) {
        const chunk = part.subarray(from, to);
        crc = crc32(chunk, crc);
        chunks.push(chunk);
      }
      left -= to - from;
      this.#partSent = to;
      if (to === part.length) {
        this.#part += 1;
        this.#partSent = 0;
      }
    }
    this.#writeHeader(header, length, crc);
  }

  #writeHeader(header: Buffer, length: number, crc: number): void {
    header[0] = MAGIC;
    header[1] = this.type;
    header[2] = this.kind;
    header[3] = this.#isStarted ? FLAG_CONTINUES : 0;
    header.writeUInt32BE(0, 4);
    header.writeUInt32BE(length, 8);
    header.writeUInt32BE(this.#total, 12);
    header.writeUInt32BE(crc, 16);
    header.writeUInt32BE(headerCrc(header, 0), CRC_AT);
  }
}

/** A whole frame at once, for what is rare or small. */
export function encodeFrame(
  type: FrameType,
  kind: number,
  parts: readonly Uint8Array[],
): Uint8Array[] {
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const frame = new OutFrame(type, kind, total);
  const payload = frame.payload;
  let offset = 0;
  for (const part of parts) {
    payload.set(part, offset);
    offset += part.length;
  }
  const chunks: Uint8Array[] = [];
  while (!frame.isDone) frame.take(chunks, FRAGMENT_BYTES_MAX);
  return chunks;
}

/** False: the connection is gone; stop reading. */
export type FrameHandler = (type: number, kind: number, payload: Uint8Array) => boolean;

/** Finds frames in the chunks of a connection. After an error it must not be used again. */
export class FrameReader {
  readonly #headerBytes: Buffer = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  #headerFilled = 0;
  #header: Header | undefined;
  /** Where the current piece goes when it spans chunks, and how much of it is there. */
  #target: Buffer | undefined;
  #filled = 0;
  #pieces = 0;
  /** The frame that comes in pieces, and how many of its bytes came in complete pieces. */
  #assembly: { type: number; kind: number; buffer: Buffer; filled: number } | undefined;

  /** How many pieces were whole and undamaged. */
  get pieces(): number {
    return this.#pieces;
  }

  /** @throws ClusterError CODEC_INVALID. */
  push(bytes: Uint8Array, handle: FrameHandler): void {
    const chunk = asBuffer(bytes);
    let at = 0;
    // A frame without payload is complete with the last byte of its header.
    while (at < chunk.length || this.#header?.length === 0) {
      const header = this.#header;
      if (header === undefined) {
        at += this.#takeHeader(chunk, at);
        continue;
      }
      const missing = header.length - this.#filled;
      const end = Math.min(chunk.length, at + missing);
      const isWhole = end - at === missing;
      const isInChunk = isWhole && this.#filled === 0 && header.length === header.total;
      const piece = isInChunk ? chunk.subarray(at, end) : this.#collect(header, chunk, at, end);
      at = end;
      if (isWhole && !this.#finishPiece(header, piece, handle)) return;
    }
  }

  /** Answers how many bytes it took. */
  #takeHeader(chunk: Buffer, at: number): number {
    this.#filled = 0;
    this.#target = undefined;
    const filled = this.#headerFilled;
    if (filled === 0 && at + FRAME_HEADER_BYTES <= chunk.length) {
      this.#header = readHeader(chunk, at);
      return FRAME_HEADER_BYTES;
    }
    const count = Math.min(FRAME_HEADER_BYTES - filled, chunk.length - at);
    chunk.copy(this.#headerBytes, filled, at, at + count);
    this.#headerFilled = filled + count;
    if (this.#headerFilled === FRAME_HEADER_BYTES) {
      this.#headerFilled = 0;
      this.#header = readHeader(this.#headerBytes, 0);
    }
    return count;
  }

  /** Copies what is here of a piece to where the piece goes; answers the piece. */
  #collect(header: Header, chunk: Buffer, from: number, to: number): Buffer {
    if (this.#target === undefined) this.#target = this.#place(header);
    chunk.copy(this.#target, this.#filled, from, to);
    this.#filled += to - from;
    return this.#target;
  }

  #place(header: Header): Buffer {
    if (header.length === header.total) return Buffer.allocUnsafe(header.length);
    let assembly = this.#assembly;
    if (!header.continues) {
      if (assembly !== undefined) throw broken('a second frame in pieces began');
      const buffer = Buffer.allocUnsafe(header.total);
      assembly = { type: header.type, kind: header.kind, buffer, filled: 0 };
      this.#assembly = assembly;
    }
    if (assembly === undefined) throw broken('a piece came without its first');
    const end = assembly.filled + header.length;
    const isSame =
      assembly.type === header.type &&
      assembly.kind === header.kind &&
      assembly.buffer.length === header.total;
    if (!isSame || end > header.total) throw broken('a piece belongs to no frame');
    return assembly.buffer.subarray(assembly.filled, end);
  }

  #finishPiece(header: Header, piece: Buffer, handle: FrameHandler): boolean {
    if (crc32(piece) !== header.crc) throw broken('the checksum of a payload does not match');
    this.#header = undefined;
    this.#target = undefined;
    this.#pieces += 1;
    if (header.length === header.total) return handle(header.type, header.kind, viewOf(piece));
    const assembly = this.#assembly;
    assert(assembly !== undefined, 'a piece was finished that belongs to no frame');
    assembly.filled += header.length;
    if (assembly.filled < header.total) return true;
    this.#assembly = undefined;
    return handle(assembly.type, assembly.kind, viewOf(assembly.buffer));
  }
}

function readHeader(bytes: Buffer, at: number): Header {
  if (bytes[at] !== MAGIC) throw broken(`a frame begins with byte ${bytes[at]}`);
  if (headerCrc(bytes, at) !== bytes.readUInt32BE(at + CRC_AT)) {
    throw broken('the checksum of a header does not match');
  }
  const flags = bytes[at + 3]!;
  const group = bytes.readUInt32BE(at + 4);
  const length = bytes.readUInt32BE(at + 8);
  const total = bytes.readUInt32BE(at + 12);
  const continues = (flags & FLAG_CONTINUES) !== 0;
  if ((flags & ~FLAG_CONTINUES) !== 0) throw broken(`flags ${flags} are not known`);
  if (group !== 0) throw broken(`group ${group} is not known`);
  if (total > FRAME_BYTES_MAX) {
    throw broken(`${total} bytes exceed the limit of ${FRAME_BYTES_MAX}`);
  }
  if (length > FRAGMENT_BYTES_MAX) {
    throw broken(`a piece of ${length} bytes exceeds the limit of ${FRAGMENT_BYTES_MAX}`);
  }
  // A piece that is the whole frame does not go on with anything; an empty one is no piece.
  const isWhole = length === total;
  if (length > total || (isWhole && continues) || (!isWhole && length === 0)) {
    throw broken(`a piece of ${length} bytes of ${total} makes no sense`);
  }
  return {
    type: bytes[at + 1]!,
    kind: bytes[at + 2]!,
    continues,
    length,
    total,
    crc: bytes.readUInt32BE(at + 16),
  };
}

function broken(what: string): ClusterError {
  return new ClusterError('CODEC_INVALID', `the stream of frames is broken: ${what}`);
}
