/**
 * The sizes that somebody may give to a storage, looked at before a folder is touched.
 *
 * The rule that it protects: a number that is none decides nothing. How many snapshots are kept decides
 * what is deleted, and a limit of NaN lets nothing stay; a segment too large for its own offsets would end
 * the node at the first record whose place can not be written down.
 */
import { badField, checkFields } from '../given.ts';
import { WAL_SEGMENT_BYTES_MAX } from '../limits.ts';
import type { DiskStorageTuning } from './disk-storage.ts';

interface Range {
  readonly min: number;
  readonly max: number;
}

const ANY_BYTES: Range = { min: 0, max: Number.MAX_SAFE_INTEGER };

const RANGES: Readonly<Record<keyof DiskStorageTuning, Range>> = {
  segmentBytes: { min: 1, max: WAL_SEGMENT_BYTES_MAX },
  cacheBytes: ANY_BYTES,
  readCacheBytes: ANY_BYTES,
  snapshotsKept: { min: 1, max: Number.MAX_SAFE_INTEGER },
};

const FIELDS: ReadonlySet<string> = new Set(Object.keys(RANGES));

/** What is absent has a default. @throws ClusterError CONFIG_INVALID. */
export function checkStorageTuning(tuning: unknown): void {
  if (tuning === undefined) return;
  checkFields('storage', tuning, FIELDS, 'CONFIG_INVALID', 'storage.');
  for (const [field, { min, max }] of Object.entries(RANGES)) {
    const value = (tuning as Record<string, unknown>)[field];
    if (value === undefined) continue;
    if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) {
      continue;
    }
    const upTo = max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`;
    const rule = `a whole number from ${min}${upTo}`;
    throw badField(`storage.${field}`, value, rule, 'CONFIG_INVALID');
  }
}
