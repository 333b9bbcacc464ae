/**
 * The segment files: made ahead of use, begun, removed.
 *
 * A sync that must also write a file's new size or block list costs several times one that writes data
 * only, and Node has no fallocate. So the next segment is filled with zeros and synced in the background,
 * in steps, while the current one is being used, under a temporary name. Segments double in size from 1 MiB
 * to the configured one, and filling keeps pace with use, a little ahead of it (behind an opening, and
 * behind large records, it catches up by and by). So the zeros of a segment are spread over the time in
 * which the one before it is written, and do not stand all at once before the appends of one moment; a
 * cluster that writes little has written little; and a node serves as soon as 1 MiB is filled. A segment
 * that is needed before it was filled is used as it is: writes behind its end are slower, not wrong. While
 * records are large nothing is filled, for then the disk has enough to do with them.
 *
 * A failed fill is not a failed write: nothing rests on it. It is logged, its file is dropped, and the
 * append that really finds the disk full says so.
 */
import { join } from 'node:path';
import { textOf } from '../given.ts';
import {
  WAL_FILL_RECORD_BYTES_MAX,
  WAL_FILL_STEP_BYTES,
  WAL_FILLED_AHEAD,
  WAL_FIRST_SEGMENT_BYTES,
} from '../limits.ts';
import type { HardState } from '../raft/index.ts';
import type { Disk, DiskFile, Logger, Random } from '../world/index.ts';
import type { LogPosition } from './log-memory.ts';
import { encodeRecord, GENERATION_BYTES, RecordKind, recordSize } from './record.ts';
import { encodeStart, RecordTable, type Segment, segmentName } from './segment.ts';

/** The mean size of records is that of about so many. */
const RECORDS_OF_MEAN = 8;
/** Behind records that nothing was filled for, filling catches up at so many times its pace. */
const PACES_TO_CATCH_UP = 3;
const ZEROS = new Uint8Array(64 * 1024);
export const TEMPORARY_SUFFIX = '.tmp';

/** What a new segment has to know about the log before it. */
export interface SegmentOrigin {
  readonly previous: Segment | undefined;
  readonly last: LogPosition;
  readonly base: LogPosition;
  readonly hardState: HardState;
  readonly now: number;
}

export interface BegunSegment {
  readonly segment: Segment;
  /** Open for writing. */
  readonly file: DiskFile;
}

interface Prepared {
  readonly path: string;
  readonly file: DiskFile;
}

export interface SegmentFilesOptions {
  readonly disk: Disk;
  readonly random: Random;
  readonly logger: Logger;
  readonly directory: string;
  readonly segmentBytes: number;
}

export class SegmentFiles {
  readonly #options: SegmentFilesOptions;
  /** The next segment, absent when it could not be made. Settles behind the filling under way; never rejects. */
  #next: Promise<Prepared | undefined> | undefined;
  /** How much of it is zeros, and how much should be by now. */
  #filledBytes = 0;
  #wantedBytes = 0;
  /** How much should be, before that is rounded to steps. */
  #dueBytes = 0;
  #meanRecordBytes = 0;
  #isFilling = false;

  constructor(options: SegmentFilesOptions) {
    this.#options = options;
  }

  /** The size of the segment behind one of `bytes` (0: of the first). */
  nextBytes(bytes: number): number {
    return Math.min(this.#options.segmentBytes, Math.max(WAL_FIRST_SEGMENT_BYTES, bytes * 2));
  }

  /** Fills the segment behind this one in the background, as far as this one's use asks for. */
  prepareAfter({ sequence, end, segmentBytes }: Segment, recordBytes: number): void {
    this.#meanRecordBytes += (recordBytes - this.#meanRecordBytes) / RECORDS_OF_MEAN;
    // Zeros take the disk as long again as the records do; a new size costs each sync the same. So it is
    // worth it for small records only.
    if (this.#meanRecordBytes > WAL_FILL_RECORD_BYTES_MAX) return;
    const bytes = this.nextBytes(segmentBytes);
    const pace = bytes / (segmentBytes * WAL_FILLED_AHEAD);
    const caughtUp = this.#dueBytes + recordBytes * pace * PACES_TO_CATCH_UP;
    this.#dueBytes = Math.min(bytes, Math.floor(end * pace), Math.floor(caughtUp));
    this.#fillUpTo(this.#dueBytes, bytes, sequence + 1);
  }

  /** Begins the next segment, with room for a record of `bytesNeeded`. Durable on resolve. */
  begin(origin: SegmentOrigin, bytesNeeded: number): Promise<BegunSegment> {
    this.#wantedBytes = 0;
    this.#dueBytes = 0;
    const planned = this.nextBytes(origin.previous?.segmentBytes ?? 0);
    return this.#begin(origin, planned, bytesNeeded);
  }

  /**
   * Begins a segment that nothing was filled for: small, and filled before it is used, whatever the one
   * before it had grown to. Durable on resolve.
   */
  beginAtOpening(origin: SegmentOrigin): Promise<BegunSegment> {
    const bytes = this.nextBytes(0);
    this.#fillUpTo(bytes, bytes, sequenceAfter(origin));
    return this.#begin(origin, bytes, 0);
  }

  async #begin(origin: SegmentOrigin, planned: number, bytesNeeded: number): Promise<BegunSegment> {
    const { disk, directory, random } = this.#options;
    const sequence = sequenceAfter(origin);
    const prepared = (await this.#next) ?? (await this.#create(sequence));
    this.#next = undefined;
    this.#filledBytes = 0;
    const generation = Buffer.from(random.bytes(GENERATION_BYTES));
    const contents = (segmentBytes: number) => ({
      kind: RecordKind.Start,
      hardState: origin.hardState,
      base: { ...origin.base, keepsTail: true },
      payload: encodeStart({
        sequence,
        previousGeneration: origin.previous?.generation ?? Buffer.alloc(GENERATION_BYTES),
        previousEnd: origin.previous?.end ?? 0,
        segmentBytes,
        last: origin.last,
        created: Math.max(0, Math.floor(origin.now)),
      }),
    });
    const end = recordSize(contents(planned));
    const segmentBytes = Math.max(planned, end + bytesNeeded);
    const record = encodeRecord(contents(segmentBytes), generation, 0, Buffer.alloc(end));
    const path = join(directory, segmentName(sequence));
    try {
      await prepared.file.writeAndSync(0, [record]);
      await disk.rename(prepared.path, path);
      await disk.syncDirectory(directory);
    } catch (error) {
      await this.#drop(prepared);
      throw error;
    }
    const table = new RecordTable();
    return {
      segment: { sequence, path, generation, segmentBytes, end, table },
      file: prepared.file,
    };
  }

  /** Removes segments that nothing needs any more. Should a crash undo it, the next open does it again. */
  async remove(paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return;
    const { disk, directory } = this.#options;
    for (const path of paths) await disk.remove(path);
    await disk.syncDirectory(directory);
  }

  async close(): Promise<void> {
    this.#wantedBytes = 0;
    const prepared = await this.#next;
    this.#next = undefined;
    if (prepared !== undefined) await this.#drop(prepared);
  }

  /** By whole steps, four at least; what is left of the segment when all of it is wanted. */
  #fillUpTo(wanted: number, bytes: number, sequence: number): void {
    const step = Math.min(WAL_FILL_STEP_BYTES, Math.ceil(bytes / 4));
    this.#wantedBytes = wanted === bytes ? bytes : wanted - (wanted % step);
    if (this.#isFilling || this.#wantedBytes <= this.#filledBytes) return;
    this.#isFilling = true;
    this.#next = this.#fill(this.#next, sequence, step);
  }

  /** One that failed is absent from then on, so that nothing is tried again before the next segment. */
  async #fill(
    made: Promise<Prepared | undefined> | undefined,
    sequence: number,
    step: number,
  ): Promise<Prepared | undefined> {
    let prepared: Prepared | undefined;
    try {
      prepared = made === undefined ? await this.#create(sequence) : await made;
      if (prepared === undefined) return undefined;
      while (this.#filledBytes < this.#wantedBytes) {
        const bytes = Math.min(step, this.#wantedBytes - this.#filledBytes);
        await prepared.file.writeAndSync(this.#filledBytes, zeros(bytes));
        this.#filledBytes += bytes;
      }
      return prepared;
    } catch (error) {
      const text = textOf(error);
      const bytes = this.#filledBytes;
      this.#options.logger.warn('storage.segment-not-prepared', { sequence, bytes, error: text });
      if (prepared !== undefined) await this.#drop(prepared);
      this.#filledBytes = Number.POSITIVE_INFINITY;
      return undefined;
    } finally {
      this.#isFilling = false;
    }
  }

  async #create(sequence: number): Promise<Prepared> {
    const { disk, directory } = this.#options;
    const path = join(directory, `${segmentName(sequence)}${TEMPORARY_SUFFIX}`);
    // A file of that name can only be one that failed before.
    await disk.remove(path);
    return { path, file: await disk.open(path, 'create') };
  }

  async #drop(prepared: Prepared): Promise<void> {
    try {
      await prepared.file.close();
      await this.#options.disk.remove(prepared.path);
    } catch (error) {
      const text = textOf(error);
      this.#options.logger.warn('storage.temporary-file-left', {
        path: prepared.path,
        error: text,
      });
    }
  }
}

function sequenceAfter({ previous }: SegmentOrigin): number {
  return (previous?.sequence ?? 0) + 1;
}

function zeros(bytes: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let left = bytes; left > 0; left -= ZEROS.length) {
    chunks.push(left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS);
  }
  return chunks;
}
