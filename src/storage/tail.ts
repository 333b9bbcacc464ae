/**
 * The end of the log: finished, torn, or damaged? The most delicate judgement of the whole storage,
 * because a wrong "torn" forgets what was promised to others, and a wrong "damaged" keeps a node down
 * after an ordinary power cut.
 *
 * What can be relied on. One write is one record, and it begins only when the one before was synced. So
 * a power cut leaves everything before the last write as it was, and of the last write any subset of
 * its sectors (disks reorder), or, when only the process died in the middle of the call, a prefix that
 * ends at any byte. What was not written reads as zeros: segments are filled with zeros beforehand, are
 * never used twice, and nothing is ever written over a torn end, or into its segment: the log goes on in
 * a new one (wal.ts). So the verdict is the same however often it is asked for.
 *
 * The record at `offset` is the first that is not whole. It is torn if all of this holds:
 *
 * 1. No later write left a trace: no header and no trailer that belong to this segment and to a record
 *    that begins behind `offset`. Had a later write begun, this one had been synced, and is damaged.
 * 2. If its header is whole: nothing but zeros lies behind its end; and its last byte (never zero) is
 *    zero, or more of its sectors are zero than were when it was written.
 * 3. If its header is not whole: the part of the header that lies in one of its sectors is all zero, or
 *    its last byte is zero and so is everything behind it; and the magic, where present, is right.
 *
 * Everything else is damage, a flipped bit in the last record included. (Where a sector holds a single bit
 * that is set, flipping it turns the sector into zeros. Such a record is not acknowledged before the
 * witness knows of it.)
 *
 * What these rules can not see: everything that was written from some point of the log on turns into zeros
 * (or is cut off the file) while the node is down; in the smallest case one sector of the very last
 * record, with nothing behind it. It looks exactly like a write that never reached the disk. That is
 * what the witness beside the log is for (witness.ts), which knows how far the log was durable:
 * always after a stop in good order, at once after a vote, otherwise up to a second before a crash.
 */
import { STORAGE_READ_BYTES } from '../limits.ts';
import type { ForwardReader } from './forward-reader.ts';
import {
  countZeroSectors,
  decodeHeaderOf,
  decodeTrailerStart,
  HEADER_BYTES,
  HEADER_MAGIC,
  isZero,
  RECORD_OVERHEAD_BYTES,
  type RecordHeader,
  recordBytes,
  SECTOR_BYTES,
  TRAILER_MAGIC,
} from './record.ts';

export type TailVerdict =
  | { readonly kind: 'clean' }
  | { readonly kind: 'torn'; readonly bytes: number; readonly how: string }
  | { readonly kind: 'damaged'; readonly what: string };

/** What lies from `offset` to the end of the file. */
interface Survey {
  /** Behind the last byte that is not zero; `offset` when all are. */
  end: number;
  /** Where a record that begins behind `offset` shows itself. */
  later: number | undefined;
  zeroSectors: number;
  head: Buffer;
  lastByte: number;
}

/**
 * `header`: of the record at `offset`, if its header is whole. `reader` may have read ahead of `offset`, but
 * was asked for nothing behind it except that record.
 */
export async function judgeTail(
  reader: ForwardReader,
  generation: Buffer,
  offset: number,
  header: RecordHeader | undefined,
): Promise<TailVerdict> {
  const record = header === undefined ? 0 : recordBytes(header);
  const survey = await surveyTail(reader, generation, offset, record);
  if (survey.end === offset) return { kind: 'clean' };
  if (survey.later !== undefined) {
    return damaged(
      `the record here is not whole, although a later one was written, at offset ${survey.later}`,
    );
  }
  const bytes = survey.end - offset;
  if (header === undefined) return judgeHeader(survey, offset, bytes);
  if (survey.end > offset + record) {
    return damaged(`bytes that belong to no record lie behind its ${record} bytes`);
  }
  if (survey.lastByte === 0) return { kind: 'torn', bytes, how: 'its end was never written' };
  const missing = survey.zeroSectors - header.zeroSectors;
  if (missing > 0)
    return { kind: 'torn', bytes, how: `${missing} of its sectors were never written` };
  return damaged(`all of the ${record} bytes of the record were written, but fail their checksum`);
}

function judgeHeader(survey: Survey, offset: number, bytes: number): TailVerdict {
  const head = survey.head;
  const cut = Math.min(HEADER_BYTES, SECTOR_BYTES - (offset % SECTOR_BYTES));
  const firstMissing = isZero(head, 0, cut);
  const secondMissing = cut < HEADER_BYTES && isZero(head, cut, HEADER_BYTES);
  if (!firstMissing && !hasMagic(head, Math.min(bytes, cut))) {
    return damaged('there is neither a record nor zeros');
  }
  if (firstMissing || secondMissing) {
    return { kind: 'torn', bytes, how: 'the sector with its header was never written' };
  }
  if (head[HEADER_BYTES - 1] === 0 && bytes <= HEADER_BYTES) {
    return { kind: 'torn', bytes, how: 'only a part of its header was written' };
  }
  return damaged('its header fails its checksum');
}

function hasMagic(head: Buffer, bytes: number): boolean {
  const length = Math.min(HEADER_MAGIC.length, bytes);
  return HEADER_MAGIC.compare(head, 0, length, 0, length) === 0;
}

function damaged(what: string): TailVerdict {
  return { kind: 'damaged', what };
}

async function surveyTail(
  reader: ForwardReader,
  generation: Buffer,
  offset: number,
  record: number,
): Promise<Survey> {
  const survey: Survey = {
    end: offset,
    later: undefined,
    zeroSectors: 0,
    head: Buffer.alloc(HEADER_BYTES),
    lastByte: 0,
  };
  const recordEnd = offset + record;
  const limit = Math.max(reader.source.size, recordEnd);
  let carry: Buffer = Buffer.alloc(0);
  let at = offset;
  while (at < limit) {
    // Windows end at sector boundaries, so that no sector is counted in two halves.
    const length = Math.min(limit - at, STORAGE_READ_BYTES - (at % SECTOR_BYTES));
    const window = await reader.take(at, length);
    if (at === offset) window.copy(survey.head, 0, 0, Math.min(HEADER_BYTES, window.length));
    if (at < recordEnd) {
      const part = window.subarray(0, Math.min(length, recordEnd - at));
      survey.zeroSectors += countZeroSectors(part, at);
      if (at + part.length === recordEnd) survey.lastByte = part[part.length - 1]!;
    }
    if (!isZero(window, 0, window.length)) {
      survey.end = at + lastNonZero(window) + 1;
      const searched = Buffer.concat([carry, window]);
      survey.later ??= findLater(searched, at - carry.length, generation, offset);
      carry = searched.subarray(Math.max(0, searched.length - RECORD_OVERHEAD_BYTES));
    } else {
      carry = Buffer.alloc(Math.min(RECORD_OVERHEAD_BYTES, window.length));
    }
    at += length;
  }
  return survey;
}

/** `base`: offset in the file of the first of these bytes. */
function findLater(
  bytes: Buffer,
  base: number,
  generation: Buffer,
  offset: number,
): number | undefined {
  for (let i = bytes.indexOf(HEADER_MAGIC); i >= 0; i = bytes.indexOf(HEADER_MAGIC, i + 1)) {
    if (base + i <= offset) continue;
    if (decodeHeaderOf(bytes, i, generation, base + i) !== undefined) return base + i;
  }
  for (let i = bytes.indexOf(TRAILER_MAGIC); i >= 0; i = bytes.indexOf(TRAILER_MAGIC, i + 1)) {
    const start = decodeTrailerStart(bytes, i, generation);
    if (start !== undefined && start > offset) return start;
  }
  return undefined;
}

function lastNonZero(bytes: Buffer): number {
  let at = bytes.length - 1;
  while (at >= 0 && bytes[at] === 0) at--;
  return at;
}
