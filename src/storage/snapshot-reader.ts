/**
 * Reads a snapshot file: what it is (cheap: both ends of the file), its sections as streams, and any
 * range of the raw bytes. While one frame is being taken over the next is read. Every frame is checked
 * before it is handed out; damage names file and offset. What a
 * consumer got before the damage showed was correct, but the state that it builds is not whole, so a
 * restore that throws must not be used.
 */
import { crc32 } from 'node:zlib';
import { ClusterError } from '../errors.ts';
import { SNAPSHOT_FRAME_BYTES } from '../limits.ts';
import { asBuffer } from '../views.ts';
import {
  decodeFrameHeader,
  decodePreamble,
  decodeTrailer,
  FRAME_HEADER_BYTES,
  type FrameHeader,
  FrameKind,
  PREAMBLE_BYTES,
  parseMeta,
  parseTable,
  type SectionEntry,
  SNAPSHOT_VERSION,
  type SnapshotMeta,
  TRAILER_BYTES,
} from './snapshot-format.ts';
import { corrupt } from './storage-errors.ts';
import type { SnapshotReader, StoredSnapshot } from './types.ts';

/** Where the bytes come from. `path` is for messages to people. */
export interface ByteSource {
  readonly path: string;
  readonly bytes: number;
  /** Fewer bytes than asked for only at the end. */
  read(position: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface SnapshotLayout {
  readonly meta: SnapshotMeta;
  readonly sections: readonly SectionEntry[];
}

const NOTHING = new Uint8Array(0);

/** What to do about a snapshot file that is damaged. */
export const SNAPSHOT_ADVICE: string =
  'Move the file away: the node then starts from an older snapshot if its log still reaches back ' +
  'that far, and says so if not; in that case remove this member from the cluster';

/** Meta and table frames hold names and ids only; more than this was never written. */
const JSON_BYTES_MAX = 16 * 1024 * 1024;

/** Checks both ends of the file, which a crash can not have left half-written: it was synced, then named. */
export async function readLayout(source: ByteSource): Promise<SnapshotLayout> {
  const start = asBuffer(await source.read(0, PREAMBLE_BYTES));
  const version = decodePreamble(start);
  if (version === undefined) throw damage(source, 0, 'these are not the first bytes of a snapshot');
  if (version !== SNAPSHOT_VERSION) throw unknownVersion(source.path, version);
  const end = Math.max(0, source.bytes - TRAILER_BYTES);
  const trailer = decodeTrailer(await source.read(end, TRAILER_BYTES), source.bytes);
  if (trailer === undefined) throw damage(source, end, 'its end is missing or was changed');
  const meta = parseMeta(await readFrame(source, PREAMBLE_BYTES, FrameKind.Meta));
  if (meta === undefined) throw damage(source, PREAMBLE_BYTES, 'its description can not be read');
  const sections = parseTable(await readFrame(source, trailer.tablePosition, FrameKind.Table));
  if (sections === undefined) {
    throw damage(source, trailer.tablePosition, 'its table of sections can not be read');
  }
  return { meta, sections };
}

export class FileSnapshotReader implements SnapshotReader {
  readonly snapshot: StoredSnapshot;
  readonly #source: ByteSource;
  readonly #sections: readonly SectionEntry[];

  constructor(snapshot: StoredSnapshot, source: ByteSource, layout: SnapshotLayout) {
    this.snapshot = snapshot;
    this.#source = source;
    this.#sections = layout.sections;
  }

  section(name: string): AsyncIterable<Uint8Array> | undefined {
    const entry = this.#sections.find((section) => section.name === name);
    return entry === undefined ? undefined : readSection(this.#source, entry);
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return this.#source.read(position, length);
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}

async function* readSection(source: ByteSource, entry: SectionEntry): AsyncGenerator<Uint8Array> {
  const name = await readFrame(source, entry.position, FrameKind.Section);
  if (asBuffer(name).toString('utf8') !== entry.name) {
    throw damage(source, entry.position, `section "${entry.name}" does not begin here`);
  }
  let position = entry.position + FRAME_HEADER_BYTES + name.length;
  let left = entry.bytes;
  let coming = readAhead(source, position, left);
  try {
    while (left > 0) {
      const data = await coming;
      if (data.length === 0 || data.length > left) {
        throw damage(
          source,
          position,
          `section "${entry.name}" has another length than its table says`,
        );
      }
      position += FRAME_HEADER_BYTES + data.length;
      left -= data.length;
      coming = readAhead(source, position, left);
      yield data;
    }
  } finally {
    // Who takes no more of it may close the file: no read of it is under way then.
    await coming.catch(() => {});
  }
}

/** Begins to read the next frame of data; whoever waits for it is told of damage. */
function readAhead(source: ByteSource, position: number, left: number): Promise<Uint8Array> {
  const coming = left > 0 ? readData(source, position, left) : Promise.resolve(NOTHING);
  coming.catch(() => {});
  return coming;
}

/** Header and data in one read: frames are full, but for the last one of a section. */
async function readData(source: ByteSource, position: number, left: number): Promise<Uint8Array> {
  const length = Math.min(left, SNAPSHOT_FRAME_BYTES);
  const frame = await source.read(position, FRAME_HEADER_BYTES + length);
  const header = decodeFrameHeader(frame.subarray(0, FRAME_HEADER_BYTES));
  // One that is none, or is longer, is judged by itself.
  if (header === undefined || header.length > length || header.kind !== FrameKind.Data) {
    return await readFrame(source, position, FrameKind.Data);
  }
  return checked(
    source,
    position,
    header,
    frame.subarray(FRAME_HEADER_BYTES).subarray(0, header.length),
  );
}

async function readFrame(
  source: ByteSource,
  position: number,
  kind: FrameKind,
): Promise<Uint8Array> {
  const header = decodeFrameHeader(await source.read(position, FRAME_HEADER_BYTES));
  if (header === undefined || header.kind !== kind || !isSaneLength(header)) {
    throw damage(source, position, 'a frame header is not what was written');
  }
  const data = await source.read(position + FRAME_HEADER_BYTES, header.length);
  return checked(source, position, header, data);
}

function checked(
  source: ByteSource,
  position: number,
  header: FrameHeader,
  data: Uint8Array,
): Uint8Array {
  if (data.length !== header.length || crc32(data) !== header.checksum) {
    throw damage(source, position, `the ${header.length} bytes of a frame fail their checksum`);
  }
  return data;
}

function isSaneLength(header: FrameHeader): boolean {
  return header.length <= (header.kind === FrameKind.Data ? SNAPSHOT_FRAME_BYTES : JSON_BYTES_MAX);
}

/**
 * How far a file that was being received is whole: the end of its last good frame, and the running
 * checksum up to there. After a power cut the size of a file says nothing about its contents.
 */
export async function wholePrefix(
  source: ByteSource,
): Promise<{ readonly bytes: number; readonly checksum: number }> {
  const preamble = asBuffer(await source.read(0, PREAMBLE_BYTES));
  if (decodePreamble(preamble) !== SNAPSHOT_VERSION) return { bytes: 0, checksum: 0 };
  let bytes = PREAMBLE_BYTES;
  let checksum = crc32(preamble);
  for (;;) {
    const head = await source.read(bytes, FRAME_HEADER_BYTES);
    const header = decodeFrameHeader(head);
    if (header === undefined || !isSaneLength(header)) return { bytes, checksum };
    const data = await source.read(bytes + FRAME_HEADER_BYTES, header.length);
    if (data.length !== header.length || crc32(data) !== header.checksum) {
      return { bytes, checksum };
    }
    checksum = crc32(data, crc32(head, checksum));
    bytes += FRAME_HEADER_BYTES + data.length;
  }
}

function damage(source: ByteSource, offset: number, what: string): ClusterError {
  return corrupt(source.path, offset, what, SNAPSHOT_ADVICE);
}

function unknownVersion(path: string, version: number): ClusterError {
  return new ClusterError(
    'DATA_DIR_FORMAT',
    `${path} has snapshot format ${version}; this version reads format ${SNAPSHOT_VERSION}. Start the version that wrote it`,
    { details: { path, version, reads: SNAPSHOT_VERSION } },
  );
}
