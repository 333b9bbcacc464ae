/**
 * Ranges of keys in byte order, and the one that holds all keys with a prefix.
 *
 * A prefix's range ends at the first key behind all of them: the prefix with its last byte raised by
 * one, after dropping bytes 0xff, which can not be raised. A prefix of nothing but 0xff (or nothing)
 * has no such key; its range goes on to the end, which an empty `end` says.
 */
import { compareBytes, copyBytes, NO_BYTES } from './bytes.ts';
import type { KeyRange } from './types.ts';

/** The range of all keys that begin with `prefix`; of an empty one: all keys. */
export function prefixRange(prefix: Uint8Array): { start: Uint8Array; end: Uint8Array } {
  for (let at = prefix.length - 1; at >= 0; at--) {
    const byte = prefix[at] as number;
    if (byte === 0xff) continue;
    const end = copyBytes(prefix.subarray(0, at + 1));
    end[at] = byte + 1;
    return { start: prefix, end };
  }
  return { start: prefix, end: NO_BYTES };
}

/** The least key that is greater. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** Whether it is just what `prefixRange(range.start)` gives: a watch of it is found by hash, not by search. */
export function isPrefixRange(range: KeyRange): boolean {
  if (range.end === undefined) return false;
  return compareBytes(range.end, prefixRange(range.start).end) === 0;
}

/** Whether the key lies in the range. */
export function rangeHolds(range: KeyRange, key: Uint8Array): boolean {
  const { start, end } = range;
  const order = compareBytes(key, start);
  if (end === undefined) return order === 0;
  return order >= 0 && (end.length === 0 || compareBytes(key, end) < 0);
}
