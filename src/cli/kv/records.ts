/**
 * Records of import and export: one JSON object a line, `key` and `value` as text when the bytes are
 * UTF-8, else `keyBase64` and `valueBase64`. What was exported is imported to the same bytes.
 *
 * A line that can not be used is refused with its number and the reason; nothing is guessed.
 */
import { bytesFromBase64, bytesFromText, textOf } from '../../api/index.ts';
import { ClusterError } from '../../errors.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../../limits.ts';

export interface KvRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** `{name: text}`, or `{nameBase64: ...}` for bytes that are no text. */
export function jsonOfBytes(name: string, bytes: Uint8Array): Record<string, string> {
  const text = textOf(bytes);
  if (text !== undefined) return { [name]: text };
  return { [`${name}Base64`]: Buffer.from(bytes).toString('base64') };
}

export function recordLine({ key, value }: KvRecord): string {
  return JSON.stringify({ ...jsonOfBytes('key', key), ...jsonOfBytes('value', value) });
}

/** `undefined` for an empty line. @throws ClusterError REQUEST_INVALID naming the line. */
export function parseRecord(
  bytes: Uint8Array,
  number: number,
  prefix: string,
): KvRecord | undefined {
  const line = textOf(bytes);
  if (line === undefined) {
    throw refused(number, 'is no UTF-8: give bytes that are no text as keyBase64 or valueBase64');
  }
  if (line.trim() === '') return undefined;
  let object: unknown;
  try {
    object = JSON.parse(line);
  } catch (error) {
    throw refused(number, `is not JSON: ${(error as Error).message}`);
  }
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    throw refused(number, 'is not an object with key and value');
  }
  const fields = object as Record<string, unknown>;
  const key = bytesOf(fields, 'key', number);
  return checked(
    { key: Buffer.concat([Buffer.from(prefix), key]), value: bytesOf(fields, 'value', number) },
    number,
  );
}

/** `--format lines`: the line is the key, byte for byte, and its number the value. */
export function parseLine(line: Uint8Array, number: number, prefix: string): KvRecord | undefined {
  if (line.length === 0) return undefined;
  const key = Buffer.concat([Buffer.from(prefix), line]);
  return checked({ key, value: Buffer.from(String(number)) }, number);
}

function bytesOf(fields: Record<string, unknown>, name: string, number: number): Uint8Array {
  const text = fields[name];
  const base64 = fields[`${name}Base64`];
  if (typeof text === 'string' && base64 === undefined) {
    const why = `has a "${name}" with half a surrogate pair, which is no text; use "${name}Base64"`;
    return bytesFromText(text) ?? refuse(number, why);
  }
  if (text === undefined && typeof base64 === 'string') {
    return bytesFromBase64(base64) ?? refuse(number, `has a "${name}Base64" that is not base64`);
  }
  if (text !== undefined && base64 !== undefined) {
    throw refused(number, `has both "${name}" and "${name}Base64": give one`);
  }
  throw refused(number, `has no text "${name}" (or "${name}Base64")`);
}

function checked(record: KvRecord, number: number): KvRecord {
  const { key, value } = record;
  if (key.length === 0 || key.length > KEY_BYTES_MAX) {
    throw refused(number, `has a key of ${key.length} bytes; 1 to ${KEY_BYTES_MAX} are allowed`);
  }
  if (value.length > VALUE_BYTES_MAX) {
    throw refused(
      number,
      `has a value of ${value.length} bytes; at most ${VALUE_BYTES_MAX} are allowed`,
    );
  }
  return record;
}

function refuse(number: number, why: string): never {
  throw refused(number, why);
}

function refused(number: number, why: string): ClusterError {
  return new ClusterError('REQUEST_INVALID', `line ${number} ${why}`, {
    details: { line: number },
  });
}
