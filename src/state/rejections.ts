/**
 * Why the machine refused a command: a small code and a few facts, and back to an error for people.
 *
 * A rejection is a result, hashed and compared between the replicas. It therefore carries no text (a
 * better sentence in the next version would make replicas disagree), only facts; the message is made
 * where it is shown. The same table serves the door (`validateCommand`) and the machine.
 *
 * The rule it protects: codes keep their meaning for ever and are never used again. 0 is "done". They
 * stay below 60,000, where the node's own results begin.
 */
import type { CommandResult } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import { ByteReader, ByteWriter, copyBytes } from './bytes.ts';

const FORMAT_VERSION = 1;
const KEY_CHARS_SHOWN_MAX = 64;

/** The codes of errors that a `KvMachine` answers as results. */
export type RejectionCode =
  | 'REQUEST_INVALID'
  | 'KEY_INVALID'
  | 'VALUE_TOO_LARGE'
  | 'NOT_A_NUMBER'
  | 'NUMBER_OUT_OF_RANGE'
  | 'REVISION_COMPACTED'
  | 'REVISION_FUTURE';

/** The `code` of a `CommandResult` for each rejection. Part of the format: never changed. */
export const KV_REJECTION_CODES: Readonly<Record<RejectionCode, number>> = {
  REQUEST_INVALID: 1,
  KEY_INVALID: 2,
  VALUE_TOO_LARGE: 3,
  NOT_A_NUMBER: 4,
  NUMBER_OUT_OF_RANGE: 5,
  REVISION_COMPACTED: 6,
  REVISION_FUTURE: 7,
};

/** Their place in the list is their number on the wire: append only. */
const LISTS = ['command', 'compare', 'then', 'else'] as const;
const FIELDS = [
  'bytes',
  'key',
  'value',
  'expected',
  'operand',
  'start',
  'end',
  'by',
  'limit',
  'revision',
  'steps',
  'kind',
  'target',
  'operator',
] as const;

export type RejectionList = (typeof LISTS)[number];
export type RejectionField = (typeof FIELDS)[number];

export interface Rejection {
  readonly code: RejectionCode;
  /** Where in the command. */
  readonly list: RejectionList;
  readonly index: number;
  readonly field: RejectionField;
  /** What was found there: a length, a count, a revision. */
  readonly actual?: number;
  readonly bound?: number;
  /** Which key it is about. */
  readonly key?: Uint8Array;
}

const writer = new ByteWriter();

export function encodeRejection(rejection: Rejection): CommandResult {
  const { code, list, index, field, actual, bound, key } = rejection;
  writer.clear();
  writer.u8(FORMAT_VERSION).u8(LISTS.indexOf(list)).uint(index).u8(FIELDS.indexOf(field));
  for (const number of [actual, bound]) {
    if (number !== undefined && Number.isSafeInteger(number) && number >= 0) {
      writer.u8(1).uint(number);
    } else writer.u8(0);
  }
  if (key === undefined) writer.u8(0);
  else writer.u8(1).blob(key);
  return { code: KV_REJECTION_CODES[code], bytes: writer.finish() };
}

/** `undefined` when the machine did as it was told. An unknown code is an error too, and says so. */
export function resultToError(result: CommandResult): ClusterError | undefined {
  if (result.code === 0) return undefined;
  for (const [name, number] of Object.entries(KV_REJECTION_CODES)) {
    if (number === result.code) {
      return rejectionToError(decodeRejection(name as RejectionCode, result.bytes));
    }
  }
  return new ClusterError(
    'CODEC_INVALID',
    `the state machine answered with code ${result.code}, which this version does not know; upgrade it`,
    { details: { resultCode: result.code } },
  );
}

export function rejectionToError(rejection: Rejection): ClusterError {
  const { code, actual, bound, key } = rejection;
  const field = fieldPath(rejection);
  const details: Record<string, unknown> = { field };
  if (actual !== undefined) details['actual'] = actual;
  if (bound !== undefined) details['bound'] = bound;
  if (key !== undefined) details['key'] = keyText(key);
  if (code === 'REVISION_COMPACTED') details['compactedRevision'] = bound;
  return new ClusterError(code, sentence(rejection, field), { details });
}

/** Keys are bytes; what of them is text is shown as text, quoted, and cut when it is long. */
export function keyText(key: Uint8Array): string {
  const text = new TextDecoder().decode(key);
  const cut = text.length > KEY_CHARS_SHOWN_MAX;
  return JSON.stringify(cut ? `${text.slice(0, KEY_CHARS_SHOWN_MAX)}…` : text);
}

function fieldPath({ list, index, field }: Rejection): string {
  if (list === 'command') return field;
  return field === 'steps' ? list : `${list}[${index}].${field}`;
}

function sentence({ code, actual, bound, key }: Rejection, field: string): string {
  const whose = key === undefined ? 'the key' : `key ${keyText(key)}`;
  switch (code) {
    case 'KEY_INVALID':
      return `${field} has ${actual ?? 'no'} bytes; a key has 1 to ${bound}`;
    case 'VALUE_TOO_LARGE':
      return `${field} has ${actual} bytes; at most ${bound} are stored in one value`;
    case 'NOT_A_NUMBER':
      return `the value of ${whose} is no whole number in decimal digits, so ${field} can not be added; put a number there first`;
    case 'NUMBER_OUT_OF_RANGE':
      return `${whose} plus ${field} would leave the range from -2^63 to 2^63 - 1; nothing was changed`;
    case 'REVISION_COMPACTED':
      return `${field} is ${actual}, but the history up to ${bound} is gone already; name a later one`;
    case 'REVISION_FUTURE':
      return `${field} is ${actual}, but the newest revision is ${bound}`;
    case 'REQUEST_INVALID':
      break;
  }
  if (field === 'bytes') return `the command does not decode (byte ${actual ?? 0})`;
  if (actual === undefined && bound === undefined)
    return `${field} is missing or of the wrong type`;
  if (bound === undefined) return `${field} is ${actual}, which is not allowed there`;
  return `${field} is ${actual ?? 'no such number'}; the bound is ${bound}`;
}

function decodeRejection(code: RejectionCode, bytes: Uint8Array): Rejection {
  const reader = new ByteReader(bytes, 'CODEC_INVALID', 'rejection');
  const version = reader.u8('version');
  if (version !== FORMAT_VERSION) reader.fail(`has version ${version}`);
  const list = LISTS[reader.u8('list')] ?? reader.fail('has an unknown list');
  const index = reader.uint('index');
  const field = FIELDS[reader.u8('field')] ?? reader.fail('has an unknown field');
  const actual = reader.flag('has actual') ? { actual: reader.uint('actual') } : {};
  const bound = reader.flag('has bound') ? { bound: reader.uint('bound') } : {};
  const key = reader.flag('has key') ? { key: copyBytes(reader.blob('key')) } : {};
  reader.done();
  return { code, list, index, field, ...actual, ...bound, ...key };
}
