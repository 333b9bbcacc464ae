/**
 * From what callers write (strings, prefixes, ranges) to what travels, and back to text.
 *
 * The rule it protects: nothing means "all keys" by accident. A prefix that was passed in place of a range
 * has none of its fields, and a variable that was not set leaves one undefined: both are refused.
 */
import { Buffer } from 'node:buffer';
import { ClusterError } from '../errors.ts';
import { badField, checkFields, shown } from '../given.ts';
import { type KeyRange, prefixRange } from '../state/index.ts';
import { asBuffer } from '../views.ts';
import type { Bytes, ClientRange } from './types.ts';

const LONE_SURROGATE: RegExp = /\p{Surrogate}/u;
/** So many bytes lie beside the array's own fields, and cost no memory of their own. */
const SHORT_CHARS_MAX = 64;
const NOTHING: Uint8Array = new Uint8Array(0);
const RANGE: readonly string[] = ['key', 'prefix', 'start', 'end', 'all'];
const RANGE_FIELDS: ReadonlySet<string> = new Set(RANGE);

export function toBytes(value: Bytes, field: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') throw badField(field, value, 'a string or a Uint8Array');
  const ascii = value.length <= SHORT_CHARS_MAX ? asciiBytes(value) : undefined;
  if (ascii !== undefined) return ascii;
  if (!LONE_SURROGATE.test(value)) return Buffer.from(value, 'utf8');
  throw new ClusterError(
    'REQUEST_INVALID',
    `${field} is a string with half a surrogate pair: give a whole one, or a Uint8Array`,
    { details: { field } },
  );
}

/** Most keys are such; a look at each character is cheaper than the way out of JavaScript. */
function asciiBytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return undefined;
    bytes[at] = code;
  }
  return bytes;
}

/** The bytes as UTF-8; a byte that is none becomes U+FFFD. */
export function toText(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('utf8');
}

/** Bytes that no caller changes while a watch or a list goes on in them. */
function toOwnBytes(value: Bytes, field: string): Uint8Array {
  const bytes = toBytes(value, field);
  return bytes === value ? Uint8Array.from(bytes) : bytes;
}

/** Where a range stands, for messages, and what else the object that holds it may have. */
export interface RangePlace {
  readonly what: string;
  readonly known: ReadonlySet<string>;
  readonly path: string;
}

const ARGUMENT: RangePlace = { what: 'range', known: RANGE_FIELDS, path: '' };

/** A step of a transaction is a range with more fields. */
export function rangePlaceOf(what: string, ...more: string[]): RangePlace {
  return { what, known: new Set([...RANGE, ...more]), path: `${what}.` };
}

/** Everything is never deleted by an empty range: an option that was not set would do it. */
export function toKeyRange(
  selector: ClientRange,
  purpose: 'read' | 'delete',
  place: RangePlace = ARGUMENT,
): KeyRange {
  checkSelector(selector, purpose, place);
  const { key, prefix, start, end, all = false } = selector;
  const { what, path } = place;
  if (typeof all !== 'boolean') throw badField(`${path}all`, all, 'true or false');
  const ways = [key !== undefined, prefix !== undefined, start !== undefined || end !== undefined];
  if (ways.filter(Boolean).length + Number(all) > 1) {
    throw refused(what, `${what}: give one of key, prefix, start and end, or all`);
  }
  if (key !== undefined) return { start: toOwnBytes(key, `${path}key`) };
  const range =
    prefix === undefined
      ? {
          start: toOwnBytes(start ?? NOTHING, `${path}start`),
          end: toOwnBytes(end ?? NOTHING, `${path}end`),
        }
      : prefixRange(toOwnBytes(prefix, `${path}prefix`));
  if (purpose === 'delete' && !all && range.start.length === 0 && range.end.length === 0) {
    throw refused(what, `the ${what} is all keys: say { all: true } if that is meant`);
  }
  return range;
}

function checkSelector(selector: ClientRange, purpose: 'read' | 'delete', place: RangePlace): void {
  const { what, known, path } = place;
  const isBare = typeof selector === 'string' || ArrayBuffer.isView(selector);
  if (isBare || typeof selector !== 'object' || selector === null) {
    const all = purpose === 'read' ? '{}' : '{ all: true }';
    const one = typeof selector === 'string' ? shown(selector) : '...';
    const rule = `{ key: ${one} }, { prefix: ${one} }, { start, end? }, or ${all} for all keys`;
    throw badField(what, selector, rule);
  }
  checkFields(what, selector, known, 'REQUEST_INVALID', path);
  const named = RANGE.filter((field) => Object.hasOwn(selector, field));
  const first = named[0] as keyof ClientRange | undefined;
  if (first === undefined || named.some((field) => selector[field as 'key'] !== undefined)) return;
  throw refused(
    `${path}${first}`,
    `${path}${first} is undefined: give a value, or { all: true } if all keys are meant`,
  );
}

function refused(field: string, message: string): ClusterError {
  return new ClusterError('REQUEST_INVALID', message, { details: { field } });
}
