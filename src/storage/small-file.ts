/**
 * Small files that are replaced as a whole: the folder's identity, the node's facts. Written to a
 * temporary name, synced, renamed, and the folder synced: after a crash there is the old one or the
 * new one. A checksum tells damage from content, a version tells an older program to keep off.
 *
 * Layout: magic "QFCT" u32, version u32, length u32, CRC-32 of the data u32, CRC-32 of the 16 bytes
 * before u32; then the data. Little endian.
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ClusterError } from '../errors.ts';
import { FACT_BYTES_MAX } from '../limits.ts';
import { asBuffer } from '../views.ts';
import type { Disk } from '../world/index.ts';
import { TEMPORARY_SUFFIX } from './segment-files.ts';
import { corrupt } from './storage-errors.ts';

const MAGIC = 0x54434651; // "QFCT"
const VERSION = 1;
const HEADER_BYTES = 20;

export async function writeSmallFile(
  disk: Disk,
  directory: string,
  name: string,
  data: Uint8Array,
): Promise<void> {
  if (data.length > FACT_BYTES_MAX) {
    throw new ClusterError(
      'VALUE_TOO_LARGE',
      `${name} has ${data.length} bytes; at most ${FACT_BYTES_MAX} are kept in one file`,
    );
  }
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(VERSION, 4);
  header.writeUInt32LE(data.length, 8);
  header.writeUInt32LE(crc32(data), 12);
  header.writeUInt32LE(crc32(header.subarray(0, 16)), 16);
  const path = join(directory, name);
  const temporary = `${path}${TEMPORARY_SUFFIX}`;
  await disk.remove(temporary);
  const file = await disk.open(temporary, 'create');
  try {
    await file.writeAndSync(0, [header, data]);
  } finally {
    await file.close();
  }
  await disk.rename(temporary, path);
  await disk.syncDirectory(directory);
}

/** `undefined`: there is no such file. */
export async function readSmallFile(disk: Disk, path: string): Promise<Uint8Array | undefined> {
  const info = await disk.info(path);
  if (info === undefined) return undefined;
  const file = await disk.open(path, 'read');
  let bytes: Buffer;
  try {
    bytes = asBuffer(await file.read(0, Math.min(info.size, HEADER_BYTES + FACT_BYTES_MAX)));
  } finally {
    await file.close();
  }
  const isHeader = bytes.length >= HEADER_BYTES && bytes.readUInt32LE(0) === MAGIC;
  if (!isHeader || bytes.readUInt32LE(16) !== crc32(bytes.subarray(0, 16))) {
    throw corrupt(path, 0, 'its header is not what was written');
  }
  const version = bytes.readUInt32LE(4);
  if (version !== VERSION) {
    throw new ClusterError(
      'DATA_DIR_FORMAT',
      `${path} has format ${version}; this version reads format ${VERSION}. Start the version that wrote it`,
      { details: { path, version, reads: VERSION } },
    );
  }
  const data = bytes.subarray(HEADER_BYTES);
  if (data.length !== bytes.readUInt32LE(8) || crc32(data) !== bytes.readUInt32LE(12)) {
    throw corrupt(path, HEADER_BYTES, `its ${data.length} bytes fail their checksum`);
  }
  return data;
}
