/**
 * Entries: made in one place, and measured.
 *
 * Two measures exist and must not be mixed up:
 * - the encoded size bounds messages and what is handed out to be applied (`maxSizePerMsg`,
 *   `maxCommittedSizePerReady`); fields that are 0 or empty take no room;
 * - the payload, data bytes alone, bounds what is uncommitted and what is in flight to a follower.
 *   A leader's own empty entry weighs nothing there, or a full leader could never take office.
 */
import { varintSize } from './codec/varint.ts';
import type { Entry, EntryType, LogIndex, Term } from './types.ts';

export const EMPTY_BYTES: Uint8Array = new Uint8Array(0);

export const NO_ENTRIES: readonly Entry[] = Object.freeze([]) as readonly Entry[];

/** One shape for every entry that is made here: the fields in this order, always all of them. */
export function makeEntry(term: Term, index: LogIndex, type: EntryType, data: Uint8Array): Entry {
  return { term, index, type, data };
}

/** Bytes of the entry as raftpb encodes it. */
export function entrySize(entry: Entry): number {
  const dataLength = entry.data.length;
  let size = 0;
  if (entry.type !== 0) size += 2;
  if (entry.term !== 0) size += 1 + varintSize(entry.term);
  if (entry.index !== 0) size += 1 + varintSize(entry.index);
  if (dataLength !== 0) size += 1 + varintSize(dataLength) + dataLength;
  return size;
}

export function entriesSize(entries: readonly Entry[]): number {
  let size = 0;
  for (let i = 0; i < entries.length; i++) size += entrySize(entries[i]!);
  return size;
}

/** Data bytes. */
export function payloadBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (let i = 0; i < entries.length; i++) bytes += entries[i]!.data.length;
  return bytes;
}

/** The longest prefix within `maxBytes` of encoded size, but at least the first entry. */
export function limitEntries(entries: readonly Entry[], maxBytes: number): readonly Entry[] {
  // Past the largest array of the largest entries there is nothing to measure.
  if (entries.length <= 1 || maxBytes >= Number.MAX_SAFE_INTEGER) return entries;
  let size = entrySize(entries[0]!);
  for (let count = 1; count < entries.length; count++) {
    size += entrySize(entries[count]!);
    if (size > maxBytes) return entries.slice(0, count);
  }
  return entries;
}
