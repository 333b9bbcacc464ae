/**
 * A request's header, read where it lies in the bytes that came. One is filled again for each request, so
 * that a door that takes many thousand a second makes nothing of them but what it keeps.
 */
import type { RequestId } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import { readU32, readU64 } from './byte-reader.ts';

const FLAG_REQUEST = 1;
const FLAG_LOCAL = 2;
const FLAGS_KNOWN: number = FLAG_REQUEST | FLAG_LOCAL;
const HEADER_BYTES = 8;
const REQUEST_ID_BYTES = 24;

/** The fields are those of `RequestHeader`. */
export class RequestLayout {
  correlation = 0;
  op = 0;
  local = false;
  timeoutMs = 0;
  request: RequestId | undefined = undefined;
  /** Where the body begins; it goes to the frame's end. */
  bodyStart = 0;

  /** The frame lies from `start`, behind its length, to `end`. @throws CODEC_INVALID. */
  read(bytes: Uint8Array, start: number, end: number): void {
    if (end - start < HEADER_BYTES) throw cutOff(end - start);
    const correlation = readU32(bytes, start);
    this.correlation = correlation;
    this.op = bytes[start + 4]!;
    const flags = bytes[start + 5]!;
    this.timeoutMs = bytes[start + 6]! * 0x100 + bytes[start + 7]!;
    if ((flags & ~FLAGS_KNOWN) !== 0) {
      throw new ClusterError(
        'CODEC_INVALID',
        `flags ${flags} have bits that version 1 does not know`,
        { details: { correlation } },
      );
    }
    this.local = (flags & FLAG_LOCAL) !== 0;
    this.bodyStart = start + HEADER_BYTES;
    this.request = undefined;
    if ((flags & FLAG_REQUEST) === 0) return;
    const at = this.bodyStart;
    this.bodyStart = at + REQUEST_ID_BYTES;
    if (this.bodyStart > end) throw cutOff(end - start);
    this.request = requestIdAt(bytes, at);
  }
}

function requestIdAt(bytes: Uint8Array, at: number): RequestId {
  const session = readU64(bytes, at);
  const sequence = readU64(bytes, at + 8);
  const acknowledgedBelow = readU64(bytes, at + 16);
  return acknowledgedBelow === 0 ? { session, sequence } : { session, sequence, acknowledgedBelow };
}

function cutOff(bytes: number): ClusterError {
  const message = `frame of ${bytes} bytes ends within a field of its header`;
  return new ClusterError('CODEC_INVALID', message);
}
