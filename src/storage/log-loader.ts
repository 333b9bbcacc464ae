/**
 * Reads entries back from the segments, for followers that are behind what memory holds. One load is one
 * read of neighbouring records of one segment; each record's checksum is checked again, since the read
 * may come months after the log was opened, and what a disk has lost must not travel to other nodes.
 */
import { WAL_RECORD_BYTES } from '../limits.ts';
import type { Entry, LogIndex } from '../raft/index.ts';
import { asBuffer } from '../views.ts';
import type { LogMemory } from './log-memory.ts';
import { decodeBody, decodeHeaderOf, isWhole } from './record.ts';
import type { Segment } from './segment.ts';
import { corrupt } from './storage-errors.ts';
import { mergeEntries, type Wal } from './wal.ts';

interface Span {
  readonly segment: Segment;
  /** Offset and size of each record, in order. */
  readonly records: readonly { readonly offset: number; readonly size: number }[];
}

/** Brings the entries from `lo` on into the read cache: whole records, about `maxBytes` of them. */
export async function loadEntries(
  wal: Wal,
  log: LogMemory,
  lo: LogIndex,
  hi: LogIndex,
  maxBytes: number,
): Promise<void> {
  const span = planSpan(wal, lo, hi, Math.min(maxBytes, WAL_RECORD_BYTES));
  if (span === undefined) return;
  const from = span.records[0]!.offset;
  const end = span.records[span.records.length - 1]!;
  const length = end.offset + end.size - from;
  const bytes = asBuffer(await wal.read(span.segment, from, length));
  const lists = span.records.map(({ offset, size }) => ({
    entries: decodeEntriesAt(
      bytes.subarray(offset - from, offset - from + size),
      span.segment,
      offset,
    ),
  }));
  // While the read was under way the log may have been compacted or its end replaced. An entry that has
  // the term which the log knows for its index is the right one.
  const entries = mergeEntries(lists);
  const valid: Entry[] = [];
  for (const entry of entries) {
    if (entry.index <= log.base.index) continue;
    if (entry.index > log.lastIndex || log.term(entry.index) !== entry.term) break;
    valid.push(entry);
  }
  log.reads.add(valid, length);
}

function planSpan(wal: Wal, lo: LogIndex, hi: LogIndex, maxBytes: number): Span | undefined {
  const found = wal.index.find(lo);
  if (found === undefined) return undefined;
  const { segment } = found;
  const { table } = segment;
  const records: { offset: number; size: number }[] = [];
  const from = table.offset(found.record);
  for (let record = found.record; record < table.count; record++) {
    const offset = table.offset(record);
    const size = table.size(record);
    const isEnough = table.first(record) >= hi || offset + size - from > maxBytes;
    if (isEnough && records.length > 0) break;
    records.push({ offset, size });
  }
  return { segment, records };
}

/** `record`: what lies at `offset` of the segment. @throws ClusterError DATA_CORRUPT. */
export function decodeEntriesAt(
  record: Buffer,
  segment: Segment,
  offset: number,
): readonly Entry[] {
  const header = decodeHeaderOf(record, 0, segment.generation, offset);
  const body =
    header !== undefined && isWhole(record, header) ? decodeBody(record, header) : undefined;
  if (body?.entries === undefined) {
    throw corrupt(
      segment.path,
      offset,
      'a record that was whole when the log was opened is not any more',
    );
  }
  return body.entries.decode();
}
