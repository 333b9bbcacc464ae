/**
 * The writer of the log. One record is being written and synced at any time; everything that arrives
 * meanwhile goes into the next one together (group commit), up to a bound. Nothing waits for company:
 * an idle log writes at once, merging only what the same turn of the loop brought.
 *
 * Rules that it keeps:
 * - Steps take effect in the order in which they were asked for, and settle in that order.
 * - A batch is never split over two records: all of it survives a crash, or nothing.
 * - A step that changes only the commit index costs no write: it settles with the one before it, and
 *   the next record carries it. Losing it is harmless, for the commit index is learnt again.
 * - After one failure nothing is written any more, and everything that waits or comes fails with it.
 *
 * The queue has no bound of its own: what may be in flight is bounded by the core (uncommitted bytes of
 * a leader, messages in flight to a follower), and dropping here would break the core's picture.
 */
import type { ClusterError } from '../errors.ts';
import { STORAGE_READ_BYTES, WAL_RECORD_BYTES } from '../limits.ts';
import type { Entry, HardState, LogIndex } from '../raft/index.ts';
import type { Clock, Disk, DiskFile, Logger, Random } from '../world/index.ts';
import type { LogPosition } from './log-memory.ts';
import {
  type BaseMark,
  encodeRecord,
  entryRecordBytes,
  isFragile,
  type RecordContents,
  RecordKind,
  recordSize,
} from './record.ts';
import type { Segment, SegmentIndex } from './segment.ts';
import { type BegunSegment, SegmentFiles } from './segment-files.ts';
import { closed, diskFailure } from './storage-errors.ts';
import type { LogScan } from './wal-scan.ts';

/** One thing to be made durable. */
interface Step {
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  /** A step with a mark gets a record of its own. */
  readonly base: BaseMark | undefined;
  /** Needs no write of its own. */
  readonly isSilent: boolean;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface WalOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly directory: string;
  readonly segmentBytes: number;
}

export interface WalEvents {
  /** The entries up to `index` that are in memory are durable. */
  durable(index: LogIndex): void;
  /** The segment is durable up to its end. `isPromise`: the record holds a new term or vote. */
  written(segment: Segment, isPromise: boolean): void;
  /** Settles when the witness knows of all that was written, or can not be told. */
  witnessed(): Promise<void>;
  failed(error: ClusterError): void;
}

/** What the records that were written say, taken together. */
interface Written {
  hardState: HardState;
  base: LogPosition;
  last: LogPosition;
}

export class Wal {
  readonly index: SegmentIndex;
  readonly #options: WalOptions;
  readonly #events: WalEvents;
  readonly #files: SegmentFiles;
  readonly #written: Written;
  #file: DiskFile;
  #queue: Step[] = [];
  /** Newer than what was written, and not worth a write of its own. */
  #pendingState: HardState | undefined;
  #buffer: Buffer = Buffer.allocUnsafe(64 * 1024);
  #running: Promise<void> | undefined;
  #failure: ClusterError | undefined;
  #isClosing = false;
  #isSealed: boolean;
  /** Settles when the files of earlier segments are closed; never rejects. */
  #leaving: Promise<unknown> = Promise.resolve();

  private constructor(options: WalOptions, events: WalEvents, opened: OpenedLog) {
    this.#options = options;
    this.#events = events;
    this.#files = opened.files;
    this.#file = opened.file;
    this.#isSealed = opened.isSealed;
    this.index = opened.index;
    this.#written = { ...opened.written };
  }

  /** Makes durable what was found, leaves a torn end behind, and stands ready to append. */
  static async open(options: WalOptions, events: WalEvents, scan: LogScan): Promise<Wal> {
    return new Wal(options, events, await openLog(options, scan));
  }

  append(
    entries: readonly Entry[],
    hardState: HardState | undefined,
    isSilent: boolean,
  ): Promise<void> {
    return this.#enqueue(entries, hardState, undefined, isSilent);
  }

  mark(base: BaseMark, hardState: HardState | undefined): Promise<void> {
    return this.#enqueue([], hardState, base, false);
  }

  /** Removes the segments that hold nothing above the base. The mark must be durable. */
  async removeThrough(base: LogIndex): Promise<number> {
    const dropped = this.index.dropThrough(base);
    await this.#files.remove(dropped.map((segment) => segment.path));
    return dropped.length;
  }

  /** Raw bytes of a segment. */
  async read(segment: Segment, offset: number, length: number): Promise<Uint8Array> {
    if (segment === this.index.active) {
      try {
        return await this.#file.read(offset, length);
      } catch (error) {
        // A new segment may have begun meanwhile, and the file of this one been closed.
        if (segment === this.index.active) throw error;
      }
    }
    const file = await this.#options.disk.open(segment.path, 'read');
    try {
      return await file.read(offset, length);
    } finally {
      await file.close();
    }
  }

  /** Waits for what was asked for, seals the log so that damage to its end can be told, and closes. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#running;
    try {
      if (this.#failure === undefined && (!this.#isSealed || this.#pendingState !== undefined)) {
        await this.#write({ kind: RecordKind.Seal, hardState: this.#takePending() });
      }
    } catch (error) {
      this.#fail(diskFailure(`seal ${this.index.active.path}`, error), []);
    }
    await this.#files.close();
    await this.#leaving;
    await letGo(this.#file, this.#options.logger);
  }

  /** Something else in the folder could not be written: nothing is written any more. */
  fail(error: ClusterError): void {
    if (this.#failure === undefined) this.#fail(error, []);
  }

  /** The folder is not opened after all: nothing is written, everything is given back. */
  async abandon(): Promise<void> {
    this.#isClosing = true;
    await this.#file.close();
  }

  #enqueue(
    entries: readonly Entry[],
    hardState: HardState | undefined,
    base: BaseMark | undefined,
    isSilent: boolean,
  ): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#isClosing) return Promise.reject(closed());
    let bytes = 0;
    for (const entry of entries) bytes += entryRecordBytes(entry);
    return new Promise((resolve, reject) => {
      this.#queue.push({ entries, hardState, base, isSilent, bytes, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    // What else this turn of the loop brings goes along.
    await Promise.resolve();
    while (this.#queue.length > 0 && this.#failure === undefined) {
      const steps = this.#take();
      try {
        await this.#writeSteps(steps);
      } catch (error) {
        this.#fail(diskFailure(`append to ${this.index.active.path}`, error), steps);
      }
    }
    this.#running = undefined;
  }

  /** The steps that go into the next record. */
  #take(): Step[] {
    let count = 0;
    let bytes = 0;
    for (const step of this.#queue) {
      if (count > 0 && (step.base !== undefined || bytes + step.bytes > WAL_RECORD_BYTES)) break;
      bytes += step.bytes;
      count++;
      if (step.base !== undefined) break;
    }
    if (count < this.#queue.length) return this.#queue.splice(0, count);
    const all = this.#queue;
    this.#queue = [];
    return all;
  }

  async #writeSteps(steps: readonly Step[]): Promise<void> {
    for (const step of steps) this.#pendingState = step.hardState ?? this.#pendingState;
    if (!steps.every((step) => step.isSilent)) {
      const entries = mergeEntries(steps);
      const base = steps[0]!.base;
      await this.#write({ kind: RecordKind.Batch, hardState: this.#takePending(), base, entries });
      this.#events.durable(this.#stillCurrent(this.#written.last.index));
    }
    for (const step of steps) step.resolve();
  }

  #takePending(): HardState | undefined {
    const state = this.#pendingState;
    this.#pendingState = undefined;
    return state;
  }

  async #write(contents: RecordContents): Promise<void> {
    const size = recordSize(contents);
    if (this.index.active.end + size > this.index.active.segmentBytes) await this.#rotate(size);
    const segment = this.index.active;
    const record = encodeRecord(contents, segment.generation, segment.end, this.#bufferOf(size));
    await this.#file.writeAndSync(segment.end, [record]);
    const needsWitness = isFragile(record, segment.end);
    this.#note(contents, segment, size);
    if (needsWitness) await this.#events.witnessed();
    this.#files.prepareAfter(segment, size);
  }

  /** Memory follows what is on the disk now. */
  #note(contents: RecordContents, segment: Segment, size: number): void {
    const { hardState, base, entries } = contents;
    const written = this.#written;
    const { term, vote } = written.hardState;
    if (hardState !== undefined) written.hardState = hardState;
    if (base !== undefined) {
      written.base = { index: base.index, term: base.term };
      if (!base.keepsTail) {
        this.index.truncateFrom(0);
        written.last = written.base;
      }
    }
    const last = entries?.[entries.length - 1];
    if (entries !== undefined && last !== undefined) {
      this.index.add(segment, entries[0]!.index, segment.end, size);
      written.last = { index: last.index, term: last.term };
    }
    segment.end += size;
    this.#isSealed = contents.kind === RecordKind.Seal;
    const isPromise = written.hardState.term !== term || written.hardState.vote !== vote;
    this.#events.written(segment, isPromise);
  }

  async #rotate(bytesNeeded: number): Promise<void> {
    const previous = this.index.active;
    const now = this.#options.clock.wallTime();
    const origin = { previous, ...this.#written, now };
    const { segment, file } = await this.#files.begin(origin, bytesNeeded);
    const old = this.#file;
    this.#file = file;
    this.index.segments.push(segment);
    // Nobody waits for it: it may have to wait for a slow read itself.
    this.#leaving = Promise.all([this.#leaving, letGo(old, this.#options.logger)]);
    this.#options.logger.debug('storage.segment-begun', {
      path: segment.path,
      bytes: segment.segmentBytes,
    });
  }

  /** How far what was written is still what memory holds: steps that wait may have replaced it. */
  #stillCurrent(written: LogIndex): LogIndex {
    let current = written;
    for (const step of this.#queue) {
      const first = step.entries[0];
      if (first !== undefined) current = Math.min(current, first.index - 1);
      // What lay before it is gone from memory, and of what it brings nothing is durable yet.
      if (step.base !== undefined && !step.base.keepsTail) return 0;
    }
    return current;
  }

  #bufferOf(size: number): Buffer {
    if (size > WAL_RECORD_BYTES + STORAGE_READ_BYTES) return Buffer.allocUnsafe(size);
    if (size > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafe(Math.max(size, this.#buffer.length * 2));
    }
    return this.#buffer;
  }

  #fail(error: ClusterError, steps: readonly Step[]): void {
    this.#failure = error;
    this.#events.failed(error);
    for (const step of [...steps, ...this.#queue.splice(0)]) step.reject(error);
  }
}

/** The entries of several steps as one run: later steps replace what they overlap. */
export function mergeEntries(
  steps: readonly { readonly entries: readonly Entry[] }[],
): readonly Entry[] {
  if (steps.length === 1) return steps[0]!.entries;
  const merged: Entry[] = [];
  for (const { entries } of steps) {
    const first = entries[0];
    if (first === undefined) continue;
    if (merged.length > 0)
      merged.length = Math.max(0, Math.min(merged.length, first.index - merged[0]!.index));
    for (const entry of entries) merged.push(entry);
  }
  return merged;
}

interface OpenedLog {
  readonly files: SegmentFiles;
  readonly file: DiskFile;
  readonly index: SegmentIndex;
  readonly written: Written;
  readonly isSealed: boolean;
}

async function openLog(options: WalOptions, scan: LogScan): Promise<OpenedLog> {
  const { disk, directory, logger } = options;
  const files = new SegmentFiles(options);
  const { replay } = scan;
  const { index } = replay;
  const written = { hardState: replay.hardState, base: replay.base, last: replay.last };
  if (index.segments.length === 0) {
    const { segment, file } = await beginAtOpening(options, files, undefined, written);
    index.segments.push(segment);
    return { files, file, index, written, isSealed: true };
  }
  const file = await disk.open(index.active.path, 'write');
  let behind: BegunSegment | undefined;
  try {
    await rewriteLast(file, scan);
    await disk.syncDirectory(directory);
    if (scan.obsolete.length > 0) {
      logger.info('storage.obsolete-segments-removed', { paths: scan.obsolete });
      await files.remove(scan.obsolete);
    }
    if (scan.torn !== undefined) {
      behind = await beginAtOpening(options, files, index.active, written);
      logger.warn('storage.torn-tail-cut-off', {
        ...scan.torn,
        last: replay.last.index,
        next: behind.segment.path,
      });
    }
  } catch (error) {
    await file.close();
    throw error;
  }
  if (behind === undefined) return { files, file, index, written, isSealed: scan.isSealed };
  index.segments.push(behind.segment);
  await letGo(file, logger);
  return { files, file: behind.file, index, written, isSealed: false };
}

/**
 * The very first segment, or the one behind a torn end. A torn end stays as it is: its segment is not
 * written any more, and the new one says where it ends. Clearing it away in place would have to be
 * finished or not begun, and no disk can promise that of several sectors: what a crash or a fault
 * in the middle leaves is neither torn nor zero, and the next opening would have to call it damage. So
 * there is one step, the naming of a file that is whole, and before it nothing has changed.
 */
function beginAtOpening(
  options: WalOptions,
  files: SegmentFiles,
  previous: Segment | undefined,
  written: Written,
): Promise<BegunSegment> {
  return files.beginAtOpening({ previous, ...written, now: options.clock.wallTime() });
}

/**
 * Everything before the last record was synced before that record was begun; the last one perhaps never
 * was. After a sync that failed, the kernel may hold its pages as clean although the disk never got
 * them, and syncing would do nothing: writing the same bytes again makes them dirty.
 */
async function rewriteLast(file: DiskFile, scan: LogScan): Promise<void> {
  if (scan.lastRecord === undefined) return;
  const { offset, size } = scan.lastRecord;
  await file.writeAndSync(offset, [await file.read(offset, size)]);
}

/** All that was promised is synced before; should it fail, what is lost is a descriptor. */
async function letGo(file: DiskFile, logger: Logger): Promise<void> {
  try {
    await file.close();
  } catch (error) {
    logger.warn('storage.file-not-closed', { error: String(error) });
  }
}
