/**
 * Other ways to look at bytes that lie somewhere, without a copy: one place for them, with the reason why
 * `subarray` is not always what is wanted.
 *
 * `subarray` gives a view of the kind that it is asked of. What sockets and files bring are Buffers, and a
 * Buffer's view is a Buffer again: that takes twice as long to make, and its `slice` shares memory where an
 * array's copies. So what is handed on, to a machine, a storage or a program, is a plain array (`viewOf`).
 * Who reads numbers and text out of an array that somebody gave him wants a Buffer (`asBuffer`).
 *
 * The rule that both leave to their callers: a view lives as long as the bytes below it, and shows
 * whatever is written there later.
 */
import { Buffer } from 'node:buffer';

/** The bytes from `start` to `end` as a plain array. The bounds must lie inside. */
export function viewOf(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

/** The same bytes as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
