/**
 * How bytes stand in JSON. Keys and values are bytes; most of them are text, and people want to read
 * them. So a field `key` holds the text when the bytes are valid UTF-8, and otherwise a field
 * `keyBase64` holds them in base64. Requests may use either, but one only.
 *
 * What may go wrong: a decoder that repairs (U+FFFD for a bad byte, a swallowed byte order mark, a lone
 * surrogate in a JSON string) would turn one key into another one. Everything here is exact or refused.
 */
import { Buffer } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { ClusterError } from '../errors.ts';
import { asBuffer } from '../views.ts';

const decoder: TextDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LONE_SURROGATE: RegExp = /\p{Surrogate}/u;
const BASE64: RegExp = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/** The text that the bytes are, exactly; `undefined` when they are no valid UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** `{ [name]: text }` or `{ [name + 'Base64']: ... }`. */
export function bytesToJson(name: string, bytes: Uint8Array): Record<string, string> {
  const text = textOf(bytes);
  if (text !== undefined) return { [name]: text };
  const view = asBuffer(bytes);
  return { [`${name}Base64`]: view.toString('base64') };
}

/** The bytes of a string; `undefined` when it has half a surrogate pair, which no bytes stand for. */
export function bytesFromText(text: string): Uint8Array | undefined {
  return LONE_SURROGATE.test(text) ? undefined : Buffer.from(text, 'utf8');
}

/** Standard alphabet, with or without padding; `undefined` for anything else. */
export function bytesFromBase64(text: string): Uint8Array | undefined {
  return BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}

/** The value that a JSON text stands for. @throws REQUEST_INVALID; `what` is that text's name. */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  const text = textOf(bytes);
  try {
    if (text === undefined) throw new SyntaxError('it is no UTF-8');
    return JSON.parse(text);
  } catch (cause) {
    throw new ClusterError('REQUEST_INVALID', `${what} is no JSON: ${(cause as Error).message}`, {
      details: { field: 'body' },
      cause,
    });
  }
}

const HEX: Int8Array = new Int8Array(128).fill(-1);
for (const [index, digit] of [...'0123456789abcdef'].entries()) {
  HEX[digit.charCodeAt(0)] = index;
  HEX[digit.toUpperCase().charCodeAt(0)] = index;
}

/**
 * Percent-decoding to bytes, which `decodeURIComponent` can not do: a key may be any bytes.
 * `undefined` when a `%` is not followed by two hexadecimal digits.
 */
export function bytesFromPercent(text: string, plusIsSpace: boolean): Uint8Array | undefined {
  const raw = Buffer.from(text, 'utf8');
  let length = 0;
  for (let at = 0; at < raw.length; at++) {
    let byte = raw[at]!;
    if (byte === 0x25) {
      const high = HEX[raw[at + 1] ?? 0] ?? -1;
      const low = HEX[raw[at + 2] ?? 0] ?? -1;
      if (high < 0 || low < 0) return undefined;
      byte = high * 16 + low;
      at += 2;
    } else if (byte === 0x2b && plusIsSpace) {
      byte = 0x20;
    }
    // In place: the result is never longer than what it is made from.
    raw[length++] = byte;
  }
  return raw.subarray(0, length);
}
