/**
 * Numbers in storage's own formats: little endian, indexes and terms as 64 bits. They are safe
 * integers in memory; what does not fit was never written by this program, so reading it is damage,
 * and the reader says so (`undefined`) instead of rounding.
 */
const TWO_32 = 0x1_0000_0000;

export function writeU64(into: Buffer, value: number, at: number): void {
  into.writeUInt32LE(value % TWO_32, at);
  into.writeUInt32LE(Math.floor(value / TWO_32), at + 4);
}

/** `undefined`: beyond the safe integers. */
export function readU64(from: Buffer, at: number): number | undefined {
  const high = from.readUInt32LE(at + 4);
  return high > 0x1f_ffff ? undefined : high * TWO_32 + from.readUInt32LE(at);
}

/** A checksum as people and file names see it. */
export function hex32(value: number): string {
  return value.toString(16).padStart(8, '0');
}
