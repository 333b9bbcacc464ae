/**
 * The descriptor of a snapshot file: what travels in `Snapshot.data` instead of the state itself, so
 * that a MsgSnap stays small and the file goes by the bulk connection.
 *
 * Layout, little endian: magic "QSD" and version (4 bytes), size of the file (8), CRC-32 of the file (4).
 * A reader refuses versions that it does not know: they announce files that it could not read.
 */
import { ClusterError } from '../errors.ts';
import { asBuffer } from '../views.ts';
import { readU64, writeU64 } from './bytes.ts';

const MAGIC = 0x445351; // "QSD"
const VERSION = 1;
const BYTES = 16;

/** What a Snapshot message says of the file that it stands for. */
export interface SnapshotDescriptor {
  /** Of the whole file. */
  readonly bytes: number;
  /** CRC-32 of the whole file. */
  readonly checksum: number;
}

/** As the `data` of a Snapshot message. */
export function encodeSnapshotDescriptor(descriptor: SnapshotDescriptor): Uint8Array {
  const buffer = Buffer.alloc(BYTES);
  buffer.writeUInt32LE(MAGIC + VERSION * 0x1_00_00_00, 0);
  writeU64(buffer, descriptor.bytes, 4);
  buffer.writeUInt32LE(descriptor.checksum, 12);
  return buffer;
}

/** @throws ClusterError CODEC_INVALID. */
export function decodeSnapshotDescriptor(data: Uint8Array): SnapshotDescriptor {
  const buffer = asBuffer(data);
  const word = buffer.length === BYTES ? buffer.readUInt32LE(0) : 0;
  if (word % 0x1_00_00_00 !== MAGIC) {
    throw new ClusterError(
      'CODEC_INVALID',
      'the snapshot carries no descriptor of a snapshot file',
    );
  }
  const version = Math.floor(word / 0x1_00_00_00);
  const bytes = readU64(buffer, 4);
  if (version !== VERSION || bytes === undefined) {
    throw new ClusterError(
      'CODEC_INVALID',
      `the snapshot's descriptor has version ${version}; this program reads version ${VERSION}`,
      { details: { version } },
    );
  }
  return { bytes, checksum: buffer.readUInt32LE(12) };
}
