/**
 * What a caller of a node gives, looked at before anything is done with it.
 *
 * The rule that it protects: nothing gets into the log that was not meant. A string has a length too,
 * and would be proposed as as many zeros; a session's number that is none would be committed, and stop
 * every node that applies it. So types are looked at here, although TypeScript has looked at them: many
 * callers have none. `propose` comes through here each time: a few comparisons, no more.
 */
import { types } from 'node:util';
import { badField, checkFields, isCount, isSignal, shown } from '../given.ts';
import type { ProposeOptions, ReadOptions, RequestId, WaitOptions } from './types.ts';

const WAIT_FIELDS: ReadonlySet<string> = new Set(['timeoutMs', 'signal']);
const PROPOSE_FIELDS: ReadonlySet<string> = new Set([...WAIT_FIELDS, 'request']);
const READ_FIELDS: ReadonlySet<string> = new Set([...WAIT_FIELDS, 'consistency']);
const REQUEST_FIELDS: ReadonlySet<string> = new Set(['session', 'sequence', 'acknowledgedBelow']);

/** Of a call without options: nothing to look at. */
export const NO_OPTIONS: WaitOptions = Object.freeze({});

/** @throws ClusterError REQUEST_INVALID. */
export function checkCommand(command: unknown): asserts command is Uint8Array {
  if (types.isUint8Array(command)) return;
  const isText = typeof command === 'string';
  const hint = isText ? `, such as Buffer.from(${shown(command)})` : '';
  throw badField('command', command, `a Uint8Array${hint}`);
}

/** @throws ClusterError REQUEST_INVALID. */
export function checkWaitOptions(options: WaitOptions): void {
  if (options !== NO_OPTIONS) checkFieldsAndWait(options, WAIT_FIELDS);
}

/** @throws ClusterError REQUEST_INVALID. */
export function checkProposeOptions(options: ProposeOptions): void {
  if (options === NO_OPTIONS) return;
  checkFieldsAndWait(options, PROPOSE_FIELDS);
  if (options.request !== undefined) checkRequest(options.request);
}

/** @throws ClusterError REQUEST_INVALID. */
export function checkReadOptions(options: ReadOptions): void {
  if (options === NO_OPTIONS) return;
  checkFieldsAndWait(options, READ_FIELDS);
  const { consistency } = options;
  if (consistency === undefined || consistency === 'linearizable' || consistency === 'local') {
    return;
  }
  throw badField('consistency', consistency, '"linearizable" or "local"');
}

function checkFieldsAndWait(options: WaitOptions, fields: ReadonlySet<string>): void {
  checkFields('options', options, fields);
  const { timeoutMs, signal } = options;
  if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs >= 0)) {
    throw badField('timeoutMs', timeoutMs, 'a number of milliseconds, 0 or more');
  }
  if (signal !== undefined && !isSignal(signal)) throw badField('signal', signal, 'an AbortSignal');
}

function checkRequest(request: RequestId): void {
  checkFields('request', request, REQUEST_FIELDS, 'REQUEST_INVALID', 'request.');
  const { session, sequence, acknowledgedBelow } = request;
  if (!isCount(session)) throw badField('request.session', session, COUNT);
  if (!isCount(sequence)) throw badField('request.sequence', sequence, COUNT);
  if (acknowledgedBelow === undefined || isCount(acknowledgedBelow)) return;
  throw badField('request.acknowledgedBelow', acknowledgedBelow, COUNT);
}

/** @throws ClusterError REQUEST_INVALID. */
export function checkSession(session: unknown): void {
  if (!isCount(session)) throw badField('session', session, 'the number that openSession gave');
}

const COUNT = 'a whole number from 1';
