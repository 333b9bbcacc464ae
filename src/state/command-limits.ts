/**
 * What a command may hold, checked twice with the same code: at the door, so that nothing that would be
 * refused travels through the log, and by the machine, since not everything comes through our door.
 *
 * The rule it protects: whatever the store holds stays within bounds, and all replicas agree on what
 * is refused. The bounds are therefore part of the replicated behaviour; see limits.ts.
 */
import { ClusterError } from '../errors.ts';
import { badField } from '../given.ts';
import {
  COMMAND_BYTES_MAX,
  KEY_BYTES_MAX,
  RANGE_ITEMS_MAX,
  TRANSACTION_STEPS_MAX,
  VALUE_BYTES_MAX,
} from '../limits.ts';
import { commandTooLarge, decodeCommand, encodeCommand } from './command-codec.ts';
import { checkRangeShape, checkShape } from './command-shape.ts';
import { PutLayout } from './put-command.ts';
import {
  type Rejection,
  type RejectionCode,
  type RejectionField,
  type RejectionList,
  rejectionToError,
} from './rejections.ts';
import type { Compare, KeyRange, KvCommand, RangeQuery, TransactionStep } from './types.ts';

/** More than the framing of one key, value, range or number takes. */
const FRAMING_BYTES_MAX = 32;

interface Place {
  readonly list: RejectionList;
  readonly index: number;
}

const layout = new PutLayout();

const COMMAND: Place = { list: 'command', index: 0 };

/** @throws ClusterError that names the field, what it holds and the bound. */
export function validateCommand(command: KvCommand): void {
  checkShape(command);
  const rejection = checkCommand(command);
  if (rejection !== undefined) throw rejectionToError(rejection);
  // Only what is near the bound is measured exactly; `encodeCommand` throws COMMAND_TOO_LARGE.
  if (roughBytes(command) > COMMAND_BYTES_MAX) encodeCommand(command);
}

/** As `validateCommand` of a put, without the object around key and value. @throws the same. */
export function validatePut(key: Uint8Array, value: Uint8Array): void {
  const rejection = checkPut(key, value);
  if (rejection !== undefined) throw rejectionToError(rejection);
}

/**
 * The same for a command that comes as bytes. It is decoded to its end, so that whoever sent it learns
 * now what is wrong with it, and no command of a later release gets into the log by way of this one.
 *
 * @throws ClusterError as `validateCommand`.
 */
export function validateCommandBytes(bytes: Uint8Array): void {
  if (layout.read(bytes)) return;
  if (bytes.length > COMMAND_BYTES_MAX) throw commandTooLarge(bytes.length);
  const rejection = checkCommand(decodeKnown(bytes));
  if (rejection !== undefined) throw rejectionToError(rejection);
}

function decodeKnown(bytes: Uint8Array): KvCommand {
  try {
    return decodeCommand(bytes);
  } catch (error) {
    if (!(error instanceof ClusterError) || error.details['later'] !== true) throw error;
    throw new ClusterError(
      'REQUEST_INVALID',
      `${error.message}, so a later release has made it; use a client of the release of this node`,
      { details: { field: 'command' }, cause: error },
    );
  }
}

/** @throws ClusterError that names the field, what it holds and the bound. */
export function validateRange(query: RangeQuery): void {
  checkRangeShape(query);
  const rejection = checkRange(query, COMMAND) ?? checkLimit(query.limit, COMMAND);
  if (rejection !== undefined) throw rejectionToError(rejection);
}

/** @throws ClusterError KEY_INVALID when the key is empty or too long. */
export function validateKey(key: Uint8Array): void {
  if (!(key instanceof Uint8Array)) throw badField('key', key, 'a Uint8Array');
  const rejection = checkKey(key, COMMAND, 'key');
  if (rejection !== undefined) throw rejectionToError(rejection);
}

/** What the machine would answer to it; `undefined`: nothing is wrong with it. */
export function checkCommand(command: KvCommand): Rejection | undefined {
  switch (command.kind) {
    case 'put':
      return checkPut(command.key, command.value);
    case 'delete':
      return checkRange(command.range, COMMAND);
    case 'compareAndSet':
      return (
        checkKey(command.key, COMMAND, 'key') ??
        (command.expected && checkValue(command.expected, COMMAND, 'expected')) ??
        checkValue(command.value, COMMAND, 'value')
      );
    case 'increment':
      return checkKey(command.key, COMMAND, 'key');
    case 'transaction':
      return checkTransaction(command);
    case 'compact':
      return isRevision(command.revision) ? undefined : refuse(COMMAND, 'revision');
    default:
      return refuse(COMMAND, 'kind');
  }
}

function checkPut(key: Uint8Array, value: Uint8Array): Rejection | undefined {
  return checkKey(key, COMMAND, 'key') ?? checkValue(value, COMMAND, 'value');
}

function checkTransaction(
  command: Extract<KvCommand, { kind: 'transaction' }>,
): Rejection | undefined {
  let count = 0;
  for (const list of ['compare', 'then', 'else'] as const) {
    const items = command[list];
    const place = { list, index: 0 };
    if (!Array.isArray(items)) return refuse(place, 'steps');
    count += items.length;
    if (count > TRANSACTION_STEPS_MAX) {
      return { ...refuse(place, 'steps'), actual: count, bound: TRANSACTION_STEPS_MAX };
    }
  }
  for (const [index, compare] of command.compare.entries()) {
    const problem = checkCompare(compare, { list: 'compare', index });
    if (problem !== undefined) return problem;
  }
  for (const list of ['then', 'else'] as const) {
    for (const [index, step] of command[list].entries()) {
      const problem = checkStep(step, { list, index });
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

function checkCompare(compare: Compare, place: Place): Rejection | undefined {
  const problem = checkKey(compare.key, place, 'key');
  if (problem !== undefined) return problem;
  if (!['equal', 'notEqual', 'less', 'greater'].includes(compare.operator)) {
    return refuse(place, 'operator');
  }
  switch (compare.target) {
    case 'value':
      return checkValue(compare.operand, place, 'operand');
    case 'version':
    case 'createRevision':
    case 'modRevision':
      return isRevision(compare.operand) ? undefined : refuse(place, 'operand');
    default:
      return refuse(place, 'target');
  }
}

function checkStep(step: TransactionStep, place: Place): Rejection | undefined {
  switch (step.kind) {
    case 'put':
      return checkKey(step.key, place, 'key') ?? checkValue(step.value, place, 'value');
    case 'delete':
      return checkRange(step.range, place);
    case 'increment':
      return checkKey(step.key, place, 'key');
    case 'get':
      return checkRange(step.range, place) ?? checkLimit(step.limit, place);
    default:
      return refuse(place, 'kind');
  }
}

function checkKey(key: Uint8Array, place: Place, field: RejectionField): Rejection | undefined {
  if (!(key instanceof Uint8Array)) return refuse(place, field);
  if (key.length >= 1 && key.length <= KEY_BYTES_MAX) return undefined;
  return {
    ...refuse(place, field, 'KEY_INVALID'),
    actual: key.length,
    bound: KEY_BYTES_MAX,
  };
}

function checkValue(value: Uint8Array, place: Place, field: RejectionField): Rejection | undefined {
  if (!(value instanceof Uint8Array)) return refuse(place, field);
  if (value.length <= VALUE_BYTES_MAX) return undefined;
  return {
    ...refuse(place, field, 'VALUE_TOO_LARGE'),
    actual: value.length,
    bound: VALUE_BYTES_MAX,
  };
}

/** `start` may be empty where there is an end; both may be a byte longer than a key: "just behind it". */
function checkRange(range: KeyRange, place: Place): Rejection | undefined {
  if (!(range?.start instanceof Uint8Array)) return refuse(place, 'start');
  if (range.end === undefined) return checkKey(range.start, place, 'key');
  if (!(range.end instanceof Uint8Array)) return refuse(place, 'end');
  for (const field of ['start', 'end'] as const) {
    const { length } = range[field] as Uint8Array;
    if (length > KEY_BYTES_MAX + 1) {
      return {
        ...refuse(place, field, 'KEY_INVALID'),
        actual: length,
        bound: KEY_BYTES_MAX + 1,
      };
    }
  }
  return undefined;
}

function checkLimit(limit: number | undefined, place: Place): Rejection | undefined {
  if (limit === undefined) return undefined;
  if (Number.isInteger(limit) && limit >= 1 && limit <= RANGE_ITEMS_MAX) return undefined;
  return { ...refuse(place, 'limit'), actual: limit, bound: RANGE_ITEMS_MAX };
}

function isRevision(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function refuse(
  place: Place,
  field: RejectionField,
  code: RejectionCode = 'REQUEST_INVALID',
): Rejection {
  return { code, list: place.list, index: place.index, field };
}

function roughBytes(command: KvCommand): number {
  switch (command.kind) {
    case 'compareAndSet': {
      const { key, expected, value } = command;
      return key.length + (expected?.length ?? 0) + value.length + FRAMING_BYTES_MAX;
    }
    case 'transaction': {
      let bytes = FRAMING_BYTES_MAX;
      for (const { key, operand } of command.compare) {
        bytes += key.length + FRAMING_BYTES_MAX;
        if (typeof operand !== 'number') bytes += operand.length;
      }
      for (const step of [...command.then, ...command.else]) bytes += roughStepBytes(step);
      return bytes;
    }
    default:
      // A key and a value of full size fit with room to spare.
      return 0;
  }
}

function roughStepBytes(step: TransactionStep): number {
  switch (step.kind) {
    case 'put':
      return step.key.length + step.value.length + FRAMING_BYTES_MAX;
    case 'increment':
      return step.key.length + FRAMING_BYTES_MAX;
    default:
      return step.range.start.length + (step.range.end?.length ?? 0) + FRAMING_BYTES_MAX;
  }
}
