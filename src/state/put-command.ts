/**
 * The put command in place: read and written without anything made in between.
 *
 *     tag u8 (1) · version u8 (1) · kind u8 (1) · key length · key · value length · value
 *
 * Nearly all commands of a busy cluster are puts, and each is looked at on every node: at the door, when
 * it is applied, by the client that makes it. The general way (command-codec.ts, command-limits.ts) makes
 * a reader, two views and a command of each; the way in here knows five offsets.
 *
 * The rule it protects: there is one meaning. What is taken here is exactly what the general way decodes
 * and allows; all else, whatever is wrong with it, is answered by the general way. The property tests
 * hold the two against each other.
 */
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../limits.ts';
import { uintLength, writeUint } from './bytes.ts';

const KV_TAG = 1;
const VERSION = 1;
const KIND_PUT = 1;
const KIND_AT = 2;
const HEAD_BYTES = 3;
/** Lengths up to 2^21: longer than any value may be. */
const LENGTH_BYTES_MAX = 3;

/** Where an event of the history begins that is a put: its bytes are those of the command from here on. */
export const PUT_EVENT_AT: number = KIND_AT;

/** Where the parts of a put lie in the bytes of its command. One is filled again for each command. */
export class PutLayout {
  keyStart = 0;
  keyLength = 0;
  valueStart = 0;
  valueLength = 0;

  /** False: it is no put, or not one that is within all limits. */
  read(bytes: Uint8Array): boolean {
    if (bytes[0] !== KV_TAG || bytes[1] !== VERSION || bytes[KIND_AT] !== KIND_PUT) return false;
    const keyLength = lengthAt(bytes, HEAD_BYTES);
    if (keyLength < 1 || keyLength > KEY_BYTES_MAX) return false;
    this.keyStart = HEAD_BYTES + uintLength(keyLength);
    this.keyLength = keyLength;
    const valueAt = this.keyStart + keyLength;
    const valueLength = lengthAt(bytes, valueAt);
    if (valueLength < 0 || valueLength > VALUE_BYTES_MAX) return false;
    this.valueStart = valueAt + uintLength(valueLength);
    this.valueLength = valueLength;
    return this.valueStart + valueLength === bytes.length;
  }
}

/** Bytes of the command that puts a value under a key of these lengths. */
export function putCommandBytes(keyLength: number, valueLength: number): number {
  return HEAD_BYTES + uintLength(keyLength) + keyLength + uintLength(valueLength) + valueLength;
}

/** Writes the command at `at`, where `putCommandBytes` are free; answers where it ends. Checks nothing. */
export function writePutCommand(
  target: Uint8Array,
  at: number,
  key: Uint8Array,
  value: Uint8Array,
): number {
  target[at] = KV_TAG;
  target[at + 1] = VERSION;
  target[at + KIND_AT] = KIND_PUT;
  at = writeUint(target, at + HEAD_BYTES, key.length);
  target.set(key, at);
  at = writeUint(target, at + key.length, value.length);
  target.set(value, at);
  return at + value.length;
}

/** The length that stands at `at`; -1 where there is none, or it has more bytes than any allowed one. */
function lengthAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  let scale = 1;
  for (let count = 1; count <= LENGTH_BYTES_MAX; count++) {
    const byte = bytes[at++];
    if (byte === undefined) return -1;
    value += (byte & 0x7f) * scale;
    // A last byte of zero is a needless one, which the general way refuses.
    if (byte < 0x80) return byte === 0 && count > 1 ? -1 : value;
    scale *= 0x80;
  }
  return -1;
}
