/**
 * What the processes of the ceiling pipeline say to each other: entries of one size one way, and the other
 * way u32 (how many are durable, in all, modulo 2^32), once at the beginning and then as it grows.
 */
import type { Socket } from 'node:net';

export const ENTRY_BYTES = 256;
const COUNT_BYTES = 4;

export function countBytes(count: number): Buffer {
  const bytes = Buffer.allocUnsafe(COUNT_BYTES);
  bytes.writeUInt32LE(count % 2 ** 32);
  return bytes;
}

/** Counts are cumulative: of those that come together only the last is told. */
export function onCounts(socket: Socket, onCount: (count: number) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = all.length - (all.length % COUNT_BYTES);
    rest = all.subarray(whole);
    if (whole >= COUNT_BYTES) onCount(all.readUInt32LE(whole - COUNT_BYTES));
  });
}
