/**
 * What a request's URL names, taken apart by ourselves: keys are any bytes, and routers decode paths as text
 * (or refuse them). A key is everything behind the root of its route, so the route only sees a placeholder
 * and the bytes are kept beside it.
 */
import { bytesFromPercent, textOf } from '../api/index.ts';
import { ClusterError } from '../errors.ts';

/** Behind these, the rest of the path is a key. */
const KEY_ROOTS: readonly string[] = ['/v1/kv/', '/v1/increment/', '/v1/compare-and-set/'];
const KEY_PLACEHOLDER = 'key';

export interface HttpTarget {
  /** What the router is to see, without a query. */
  readonly routed: string;
  /** As it came, without the query. */
  readonly path: string;
  readonly rawQuery: string;
  /** Still encoded; only behind a key root. */
  readonly rawKey: string | undefined;
}

export function splitTarget(url: string): HttpTarget {
  const question = url.indexOf('?');
  const path = question === -1 ? url : url.slice(0, question);
  const rawQuery = question === -1 ? '' : url.slice(question + 1);
  for (const root of KEY_ROOTS) {
    if (!path.startsWith(root)) continue;
    return { routed: root + KEY_PLACEHOLDER, path, rawQuery, rawKey: path.slice(root.length) };
  }
  return { routed: path, path, rawQuery, rawKey: undefined };
}

export function keyOf(target: HttpTarget): Uint8Array {
  const raw = target.rawKey ?? '';
  const key = bytesFromPercent(raw, false);
  if (key !== undefined) return key;
  throw new ClusterError(
    'REQUEST_INVALID',
    `the key in the path ${JSON.stringify(target.path.slice(0, 200))} has a % that is not followed ` +
      'by two hexadecimal digits; write % itself as %25',
    { details: { field: 'key' } },
  );
}

export type Query = ReadonlyMap<string, Uint8Array>;

/** @throws REQUEST_INVALID for a parameter that the route does not know, or that comes twice. */
export function queryOf(target: HttpTarget, known: readonly string[]): Query {
  const query = new Map<string, Uint8Array>();
  for (const part of target.rawQuery.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const rawName = equals === -1 ? part : part.slice(0, equals);
    const name = textOf(bytesFromPercent(rawName, true) ?? new Uint8Array([0xff])) ?? rawName;
    if (!known.includes(name)) {
      const list = known.length === 0 ? 'it takes none' : `known: ${known.join(', ')}`;
      throw refused(name, `is not known here (${list})`);
    }
    if (query.has(name)) throw refused(name, 'is given twice');
    const value = bytesFromPercent(equals === -1 ? '' : part.slice(equals + 1), true);
    if (value === undefined) {
      throw refused(name, 'has a % that is not followed by two hexadecimal digits');
    }
    query.set(name, value);
  }
  return query;
}

function refused(name: string, what: string): ClusterError {
  const shown = name.slice(0, 80);
  return new ClusterError('REQUEST_INVALID', `query parameter \`${shown}\` ${what}`, {
    details: { field: shown },
  });
}

export function textParameter(query: Query, name: string): string | undefined {
  const bytes = query.get(name);
  if (bytes === undefined) return undefined;
  return textOf(bytes) ?? refuse(name, 'is no text');
}

export function numberParameter(query: Query, name: string): number | undefined {
  const text = textParameter(query, name);
  if (text === undefined) return undefined;
  return /^[0-9]{1,16}$/.test(text)
    ? Number(text)
    : refuse(name, `is ${JSON.stringify(text.slice(0, 40))}, not a whole number`);
}

export function booleanParameter(query: Query, name: string): boolean | undefined {
  const text = textParameter(query, name);
  if (text === undefined) return undefined;
  if (text === 'true' || text === 'false') return text === 'true';
  return refuse(name, `is ${JSON.stringify(text.slice(0, 40))}, neither true nor false`);
}

function refuse(name: string, what: string): never {
  throw refused(name, what);
}
