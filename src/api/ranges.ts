/**
 * From what people write (a key, a prefix, a start and an end) to `KeyRange`, for every door.
 *
 * The rule it protects: nothing means "all keys" by accident where keys are deleted. A script whose
 * variable is not set writes `?prefix=`, and must not empty the store.
 */
import { Buffer } from 'node:buffer';
import { ClusterError } from '../errors.ts';
import { type KeyRange, prefixRange } from '../state/index.ts';

export interface RangeSelector {
  readonly key?: Uint8Array | undefined;
  readonly prefix?: Uint8Array | undefined;
  readonly start?: Uint8Array | undefined;
  readonly end?: Uint8Array | undefined;
  readonly all?: boolean | undefined;
}

const NOTHING: Uint8Array = new Uint8Array(0);

export function toRange(selector: RangeSelector, purpose: 'read' | 'delete'): KeyRange {
  const { key, prefix, start, end, all } = selector;
  if (all === true) {
    if (key ?? prefix ?? start ?? end) throw refused('`all` goes with no other part of a range');
    return { start: NOTHING, end: NOTHING };
  }
  if (key !== undefined) {
    if (prefix ?? start ?? end) throw refused('`key` goes with no other part of a range');
    return { start: key };
  }
  if (prefix !== undefined && end !== undefined) {
    throw refused('give `prefix`, or `start` and `end`, not both');
  }
  const from = start ?? prefix ?? NOTHING;
  const to = prefix === undefined ? (end ?? NOTHING) : prefixRange(prefix).end;
  const isAll = from.length === 0 && to.length === 0;
  if (purpose === 'delete' && (isAll || prefix?.length === 0)) {
    throw refused('the range is all keys: say all=true if that is meant, else give a prefix');
  }
  // A page of a prefix begins at `start`, which must not reach in front of the prefix.
  const before = prefix !== undefined && Buffer.compare(from, prefix) < 0;
  return { start: before ? prefix : from, end: to };
}

function refused(message: string): ClusterError {
  return new ClusterError('REQUEST_INVALID', message, { details: { field: 'range' } });
}
