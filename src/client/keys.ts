/**
 * From what callers write (strings, prefixes, ranges) to what travels, and back to text.
 */
import { Buffer } from 'node:buffer';
import { ClusterError } from '../errors.ts';
import { type KeyRange, prefixRange } from '../state/index.ts';
import type { Bytes, ClientRange } from './types.ts';

const LONE_SURROGATE: RegExp = /\p{Surrogate}/u;
const NOTHING: Uint8Array = new Uint8Array(0);

export function toBytes(value: Bytes, field: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string' && !LONE_SURROGATE.test(value)) return Buffer.from(value, 'utf8');
  const what = typeof value === 'string' ? 'a string with half a surrogate pair' : typeof value;
  throw new ClusterError('REQUEST_INVALID', `${field} is ${what}: give a string or a Uint8Array`, {
    details: { field },
  });
}

/** The bytes as UTF-8; a byte that is none becomes U+FFFD. */
export function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** Everything is never deleted by an empty range: an option that was not set would do it. */
export function toKeyRange(selector: ClientRange, purpose: 'read' | 'delete'): KeyRange {
  const { key, prefix, start, end, all = false } = selector;
  const ways = [key !== undefined, prefix !== undefined, start !== undefined || end !== undefined];
  if (ways.filter(Boolean).length + Number(all) > 1) {
    throw refused('give one of key, prefix, start and end, or all');
  }
  if (key !== undefined) return { start: toBytes(key, 'key') };
  const range =
    prefix === undefined
      ? { start: toBytes(start ?? NOTHING, 'start'), end: toBytes(end ?? NOTHING, 'end') }
      : prefixRange(toBytes(prefix, 'prefix'));
  if (purpose === 'delete' && !all && range.start.length === 0 && range.end.length === 0) {
    throw refused('the range is all keys: say { all: true } if that is meant');
  }
  return range;
}

function refused(message: string): ClusterError {
  return new ClusterError('REQUEST_INVALID', message, { details: { field: 'range' } });
}
