/**
 * Reads the log of a data folder from its first segment to its last, in large reads and bounded memory, and
 * changes nothing: opening acts on what this found, and an inspection only tells. Each byte is read once, but
 * for the first few thousand of each segment: before any is read, it is seen whether they form a row.
 *
 * Segments but the last must be whole up to the place where the next one says that they end. The last
 * may end in a torn record (see tail.ts). Names that do not form an unbroken row to the newest segment
 * are leftovers of a removal that a crash undid in part; whether they are needed shows at the end.
 */
import { join } from 'node:path';
import { ClusterError } from '../errors.ts';
import type { Disk, DiskFile } from '../world/index.ts';
import { type ByteSource, ForwardReader, readPadded } from './forward-reader.ts';
import { LogReplay } from './log-replay.ts';
import {
  decodeBody,
  decodeHeader,
  decodeHeaderOf,
  HEADER_BYTES,
  isWhole,
  RECORD_VERSION,
  type RecordBody,
  type RecordHeader,
  RecordKind,
  recordBytes,
} from './record.ts';
import {
  decodeStart,
  RecordTable,
  type Segment,
  type SegmentStart,
  segmentSequence,
} from './segment.ts';
import { corrupt } from './storage-errors.ts';
import { judgeTail } from './tail.ts';

/** A Start record is far smaller. */
const START_READ_BYTES = 4096;

/**
 * The last record of a log, begun and not finished when the power went. Nobody was told that it was durable,
 * as far as the witness knows, who may lag a second behind.
 */
export interface TornTail {
  readonly path: string;
  readonly offset: number;
  /** From the beginning of the torn record to its last byte that is not zero. */
  readonly bytes: number;
  readonly how: string;
}

export interface LogScan {
  readonly replay: LogReplay;
  /** Segments before a gap: not needed any more. */
  readonly obsolete: readonly string[];
  readonly torn: TornTail | undefined;
  /** The last record: where it begins, and its size. */
  readonly lastRecord: { readonly offset: number; readonly size: number } | undefined;
  /** The storage was closed in good order. */
  readonly isSealed: boolean;
}

interface Opening {
  readonly segment: Segment;
  readonly start: SegmentStart;
  readonly body: RecordBody;
}

/**
 * Reads the whole log. `replay` holds what was read so far when damage ends the scan. What it all comes to
 * is asked of the replay, once the witness has been heard: a log that lost its end may contradict itself, too.
 * @throws ClusterError DATA_CORRUPT, DATA_DIR_FORMAT.
 */
export async function scanLog(
  disk: Disk,
  directory: string,
  replay: LogReplay = new LogReplay(),
): Promise<LogScan> {
  const names = (await disk.list(directory)).flatMap((info) => {
    const sequence = info.kind === 'file' ? segmentSequence(info.name) : undefined;
    return sequence === undefined ? [] : [{ sequence, path: join(directory, info.name) }];
  });
  names.sort((a, b) => a.sequence - b.sequence);
  const openings: Opening[] = [];
  for (const { sequence, path } of names) openings.push(await readStart(disk, path, sequence));
  const row = unbrokenRow(openings);
  const scanner = new Scanner(disk, replay);
  for (let i = row; i < openings.length; i++) {
    await scanner.segment(openings[i]!, openings[i + 1]?.start);
  }
  return {
    replay: scanner.replay,
    obsolete: openings.slice(0, row).map((opening) => opening.segment.path),
    torn: scanner.torn,
    lastRecord: scanner.lastRecord,
    isSealed: scanner.isSealed,
  };
}

/** Position of the oldest segment from which an unbroken row leads to the newest. */
function unbrokenRow(openings: readonly Opening[]): number {
  let first = Math.max(0, openings.length - 1);
  while (first > 0) {
    const { segment: before } = openings[first - 1]!;
    const { segment, start } = openings[first]!;
    if (before.sequence !== segment.sequence - 1) break;
    if (!start.previousGeneration.equals(before.generation)) {
      throw corrupt(
        segment.path,
        0,
        `it does not follow on ${before.path}, which was put in its place`,
      );
    }
    first--;
  }
  return first;
}

class Scanner {
  readonly replay: LogReplay;
  torn: TornTail | undefined;
  lastRecord: { readonly offset: number; readonly size: number } | undefined;
  isSealed = false;
  readonly #disk: Disk;

  constructor(disk: Disk, replay: LogReplay) {
    this.#disk = disk;
    this.replay = replay;
  }

  /** `next`: the Start of the segment behind it; the last one has none. */
  async segment(opening: Opening, next: SegmentStart | undefined): Promise<void> {
    const { segment, start, body } = opening;
    this.replay.begin(segment, start, body);
    const file = await this.#disk.open(segment.path, 'read');
    try {
      const size = await file.size();
      const reader = new ForwardReader(sourceOf(file, next?.previousEnd ?? size), segment.end);
      this.lastRecord = { offset: 0, size: segment.end };
      try {
        if (next === undefined) await this.#scanLast(segment, reader);
        else await this.#scanSealed(segment, reader, next.previousEnd);
      } finally {
        await reader.end();
      }
    } finally {
      await file.close();
    }
  }

  async #scanSealed(segment: Segment, reader: ForwardReader, end: number): Promise<void> {
    while (segment.end < end) {
      const size = await this.#record(segment, reader);
      if (size === undefined) {
        throw corrupt(segment.path, segment.end, 'a record in the middle of the log is not whole');
      }
      segment.end += size;
    }
    if (segment.end === end) return;
    throw corrupt(
      segment.path,
      end,
      `the next segment says that this one ends here, not at ${segment.end}`,
    );
  }

  async #scanLast(segment: Segment, reader: ForwardReader): Promise<void> {
    for (;;) {
      const offset = segment.end;
      const size = await this.#record(segment, reader);
      if (size === undefined) break;
      segment.end += size;
      this.lastRecord = { offset, size };
    }
    const offset = segment.end;
    const head = await reader.take(offset, HEADER_BYTES);
    const header = decodeHeaderOf(head, 0, segment.generation, offset);
    const verdict = await judgeTail(reader, segment.generation, offset, header);
    if (verdict.kind === 'damaged') throw corrupt(segment.path, offset, verdict.what);
    if (verdict.kind === 'torn') {
      this.torn = { path: segment.path, offset, bytes: verdict.bytes, how: verdict.how };
    }
  }

  /** Replays the record at the segment's end; its size, or `undefined` when none is whole there. */
  async #record(segment: Segment, reader: ForwardReader): Promise<number | undefined> {
    const offset = segment.end;
    const head = reader.peek(offset, HEADER_BYTES) ?? (await reader.take(offset, HEADER_BYTES));
    const header = decodeHeaderOf(head, 0, segment.generation, offset);
    if (header === undefined) return undefined;
    checkVersion(segment.path, header);
    const size = recordBytes(header);
    // What does not end inside the file can not be whole; its length may be anything.
    if (offset + size > reader.source.size) return undefined;
    const record = reader.peek(offset, size) ?? (await reader.take(offset, size));
    if (!isWhole(record, header)) return undefined;
    const body = decodeBody(record, header);
    if (body === undefined || header.kind === RecordKind.Start) {
      throw corrupt(segment.path, offset, 'a whole record has contents that make no sense');
    }
    this.replay.apply(segment, body, offset, size);
    this.isSealed = header.kind === RecordKind.Seal;
    return size;
  }
}

async function readStart(disk: Disk, path: string, sequence: number): Promise<Opening> {
  const file = await disk.open(path, 'read');
  let bytes: Buffer;
  try {
    bytes = await readPadded(sourceOf(file, await file.size()), 0, START_READ_BYTES);
  } finally {
    await file.close();
  }
  const header = decodeHeader(bytes, 0);
  if (header === undefined)
    throw corrupt(path, 0, 'the header of the segment is not what was written');
  checkVersion(path, header);
  const end = recordBytes(header);
  const record = bytes.subarray(0, end);
  const body = isWhole(record, header) ? decodeBody(record, header) : undefined;
  const start = body === undefined ? undefined : decodeStart(body.payload);
  if (body === undefined || start === undefined || header.offset !== 0) {
    throw corrupt(path, 0, 'the beginning of the segment fails its checksum');
  }
  if (start.sequence !== sequence) {
    throw corrupt(path, 0, `it is segment ${start.sequence} under the name of segment ${sequence}`);
  }
  const { generation } = header;
  const { segmentBytes } = start;
  const table = new RecordTable();
  return { segment: { sequence, path, generation, segmentBytes, end, table }, start, body };
}

function checkVersion(path: string, header: RecordHeader): void {
  if (header.version === RECORD_VERSION) return;
  throw new ClusterError(
    'DATA_DIR_FORMAT',
    `${path} has log format ${header.version}; this version reads format ${RECORD_VERSION}. Start the version that wrote it`,
    { details: { path, version: header.version, reads: RECORD_VERSION } },
  );
}

function sourceOf(file: DiskFile, size: number): ByteSource {
  return { size, read: (position, length, into) => file.read(position, length, into) };
}
