/**
 * What a program gives to the client, looked at before anything is sent: options and what of them travels.
 *
 * The rule it protects: an option that is misspelt or of another type is refused by name. Dropped without
 * a word it would leave the caller with a protection, or a freshness, that is not there. Programs without
 * types come through here as well as those that have them.
 */
import { ClusterError } from '../errors.ts';
import { badField, checkFields, isCount, isSignal, shown } from '../given.ts';
import { REQUEST_TIMEOUT_MS_MAX } from '../limits.ts';
import type {
  ClientCallOptions,
  ConnectOptions,
  ReadCallOptions,
  WriteCallOptions,
} from './types.ts';

type Fields = ReadonlySet<string>;

const CONNECT: Fields = new Set(['nodes', 'timeoutMs', 'session', 'signal']);
const REQUEST: Fields = new Set(['session', 'sequence', 'acknowledgedBelow']);

/** The options that each kind of call takes. */
const CALL: readonly string[] = ['signal', 'timeoutMs'];
const READ: readonly string[] = [...CALL, 'consistency'];
export const CALL_OPTIONS: Fields = new Set(CALL);
export const READ_OPTIONS: Fields = new Set(READ);
export const WRITE_OPTIONS: Fields = new Set([...CALL, 'request']);
export const RANGE_OPTIONS: Fields = new Set([...READ, 'limit', 'keysOnly']);
export const LIST_OPTIONS: Fields = new Set([...READ, 'keysOnly', 'pageItems']);
export const WATCH_OPTIONS: Fields = new Set([...READ, 'from']);
export const ADD_OPTIONS: Fields = new Set([...CALL, 'clusterName']);

/** @throws ClusterError CONFIG_INVALID, REQUEST_INVALID (timeoutMs, signal). */
export function checkConnectOptions(options: ConnectOptions): void {
  checkFields('options', options, CONNECT, 'CONFIG_INVALID');
  const { nodes, session, signal } = options;
  const wanted = 'a list of host:port of client doors, such as ["127.0.0.1:7200"]';
  if (!Array.isArray(nodes)) throw badField('nodes', nodes, wanted, 'CONFIG_INVALID');
  if (nodes.length === 0) {
    throw new ClusterError('CONFIG_INVALID', 'nodes is empty: name at least one host:port', {
      details: { field: 'nodes' },
    });
  }
  for (const [at, node] of nodes.entries()) {
    if (typeof node === 'string') continue;
    const rule = 'host:port of a client door, such as "127.0.0.1:7200"';
    throw badField(`nodes[${at}]`, node, rule, 'CONFIG_INVALID');
  }
  if (session !== undefined && typeof session !== 'boolean') {
    throw badField('session', session, 'true or false', 'CONFIG_INVALID');
  }
  checkSignal(signal);
}

/** @throws ClusterError REQUEST_INVALID. */
export function checkOptions(
  options: ClientCallOptions & Pick<ReadCallOptions, 'consistency'> & WriteCallOptions,
  known: Fields,
): void {
  checkFields('options', options, known);
  const { signal, consistency, request } = options;
  checkSignal(signal);
  if (consistency !== undefined && consistency !== 'linearizable' && consistency !== 'local') {
    throw badField('consistency', consistency, '"linearizable" or "local"');
  }
  if (request !== undefined) checkRequest(request);
}

function checkSignal(signal: unknown): void {
  if (signal !== undefined && !isSignal(signal)) throw badField('signal', signal, 'an AbortSignal');
}

function checkRequest(request: NonNullable<WriteCallOptions['request']>): void {
  checkFields('request', request, REQUEST, 'REQUEST_INVALID', 'request.');
  const { session, sequence, acknowledgedBelow } = request;
  checkCount(session, 'request.session');
  checkCount(sequence, 'request.sequence');
  if (acknowledgedBelow === undefined) return;
  checkCount(acknowledgedBelow, 'request.acknowledgedBelow');
  if (acknowledgedBelow > sequence) {
    throw badField('request.acknowledgedBelow', acknowledgedBelow, `at most ${sequence}`);
  }
}

export function checkCount(value: unknown, field: string): void {
  if (!isCount(value)) throw badField(field, value, 'a whole number from 1');
}

/** @throws ClusterError REQUEST_INVALID unless it is absent, or whole, from 1 to `max`. */
export function checkItems(value: unknown, field: string, max: number): void {
  if (value === undefined || (isCount(value) && value <= max)) return;
  throw badField(field, value, `a whole number from 1 to ${max}`);
}

/** @throws ClusterError REQUEST_INVALID. */
export function checkFlag(value: unknown, field: string): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw badField(field, value, 'true or false');
}

/** @throws ClusterError REQUEST_INVALID. */
export function checkText(value: unknown, field: string): void {
  if (typeof value !== 'string') throw badField(field, value, 'a string');
}

/** @throws ClusterError REQUEST_INVALID. */
export function checkTimeout(timeoutMs: number): number {
  if (Number.isFinite(timeoutMs) && timeoutMs >= 1 && timeoutMs <= REQUEST_TIMEOUT_MS_MAX) {
    return timeoutMs;
  }
  const rule = `a number of milliseconds from 1 to ${REQUEST_TIMEOUT_MS_MAX}`;
  throw badField('timeoutMs', timeoutMs, rule);
}

/** As it goes into the body of a call. @throws ClusterError REQUEST_INVALID. */
export function callBody(operation: string, input: Record<string, unknown>): Buffer {
  if (typeof operation !== 'string') {
    throw badField('operation', operation, 'the name of an operation, such as "kv.get"');
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw badField('input', input, 'an object with the fields of the operation');
  }
  try {
    return Buffer.from(JSON.stringify({ operation, input }, refuseBigInt), 'utf8');
  } catch (error) {
    if (error instanceof ClusterError) throw error;
    throw new ClusterError('REQUEST_INVALID', `input is no JSON: ${String(error)}`, {
      details: { field: 'input' },
      cause: error,
    });
  }
}

function refuseBigInt(name: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  throw new ClusterError(
    'REQUEST_INVALID',
    `${name} is ${shown(value)}, which JSON has not: give a number, or its digits as a string`,
    { details: { field: name } },
  );
}
