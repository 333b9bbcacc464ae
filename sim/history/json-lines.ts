/**
 * Histories as text: one operation a line, as JSON, so that other checkers can judge them too.
 *
 *     {"client":1,"op":"cas","key":"a","value":"2","expect":"1","output":false,"ok":true,
 *      "call":1200,"return":3400}                                        (on one line in the file)
 *
 * The rule it protects: what can not be understood is refused, naming line and field. A checker that
 * skipped a line would call a history good that it has not seen. Fields that are not known are let pass:
 * a recorder may note more than a checker needs. Empty lines count as nothing.
 */
import { ClusterError } from '../../src/errors.ts';
import { shown } from '../../src/given.ts';
import {
  type HistoryGuard,
  type HistoryOperation,
  type HistoryStep,
  OPERATION_KINDS,
} from './operation.ts';

type Fields = Readonly<Record<string, unknown>>;

const DIGITS = /^-?[0-9]+$/;
const STEP_KINDS = ['get', 'put', 'delete', 'increment'];
const GUARD_TARGETS = ['value', 'version', 'createRevision', 'modRevision'];
const GUARD_OPERATORS = ['equal', 'notEqual', 'less', 'greater'];

/** @throws ClusterError REQUEST_INVALID, naming line (from 1) and field. */
export function readHistory(lines: Iterable<string>): HistoryOperation[] {
  const operations: HistoryOperation[] = [];
  let number = 0;
  for (const line of lines) {
    number++;
    if (line.trim() !== '') operations.push(readOperation(line, number));
  }
  return operations;
}

/** Lines without their ends, in the given order. */
export function* writeHistory(operations: Iterable<HistoryOperation>): Generator<string> {
  for (const operation of operations) yield operationLine(operation);
}

/** The fields of every history first, in their fixed order; then those that only some operations have. */
export function operationLine(operation: HistoryOperation): string {
  const { client, op, key, value, expect, output, ok, call, return: end, ...more } = operation;
  const fields = { client, op, key, value, expect, output, ok, call, return: end, ...more };
  return JSON.stringify(fields);
}

function readOperation(line: string, number: number): HistoryOperation {
  let fields: Fields;
  try {
    fields = JSON.parse(line) as Fields;
  } catch (error) {
    throw refusal(number, 'line', line, `one JSON object (${(error as Error).message})`);
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw refusal(number, 'line', fields, 'one JSON object');
  }
  return checkOperation(fields, number);
}

/** That it says what each field must say; answers it with nothing but the known fields. `number`: its line. */
export function checkOperation(given: object, number: number): HistoryOperation {
  const fields = given as Fields;
  const check = checker(fields, number);
  const op = check<HistoryOperation['op']>(
    'op',
    oneOf(OPERATION_KINDS),
    OPERATION_KINDS.join(', '),
  );
  const ok = check<boolean | null>(
    'ok',
    (ok) => isBoolean(ok) || ok === null,
    'true, false or null',
  );
  const time = 'whole nanoseconds from 0 on';
  const call = check<number>('call', isCount, time);
  const ends =
    ok === null ? 'null, since ok is null' : `${time}, not before call (null is for ok: null)`;
  const isEnd = (end: unknown) =>
    isCount(end) ? ok !== null && end >= call : end === null && ok === null;
  return {
    client: check<number>('client', Number.isSafeInteger, 'a whole number'),
    op,
    key: check<string>('key', isString, 'a text'),
    value: check<string | null>('value', valueRule(op), VALUES[op] ?? 'a text or null'),
    expect: check<string | null>('expect', optional(isString), 'a text or null'),
    output: check<unknown>(
      'output',
      (output) => ok !== true || isOutput(op, output, fields),
      OUTPUTS[op],
    ),
    ok,
    call,
    return: check<number | null>('return', isEnd, ends),
    ...extras(op, fields, number),
  };
}

function extras(
  op: HistoryOperation['op'],
  fields: Fields,
  number: number,
): Partial<HistoryOperation> {
  const check = checker(fields, number);
  const extra: Record<string, unknown> = {};
  const take = (field: string, holds: (value: unknown) => boolean, rule: string) => {
    if (fields[field] !== undefined) extra[field] = check<unknown>(field, holds, rule);
  };
  take('revision', isCount, 'a whole number from 0 on');
  take('consistency', (mode) => mode === 'local', '"local", or leave it out');
  if (op === 'range') take('end', isString, 'a text');
  if (op === 'txn') {
    take('guards', listOf(isGuard), 'a list of {key, target, operator, operand}');
    take('then', listOf(isStep), 'a list of {op, key, value}');
    take('else', listOf(isStep), 'a list of {op, key, value}');
  }
  return extra;
}

const VALUES: Readonly<Partial<Record<HistoryOperation['op'], string>>> = {
  put: 'the text that it writes',
  cas: 'the text that it writes',
  increment: 'the whole number that it adds in decimal digits, as a text',
};

const OUTPUTS: Readonly<Record<HistoryOperation['op'], string>> = {
  put: 'null',
  get: 'a text or null',
  cas: 'true or false',
  delete: 'true, false or null',
  increment: 'a whole number in decimal digits, as a text',
  range: 'an object with items ({key, value} each) and more',
  txn: 'an object with succeeded, and steps: one output for each step of the branch taken',
};

function isOutput(op: HistoryOperation['op'], output: unknown, fields: Fields): boolean {
  const given = output ?? null;
  switch (op) {
    case 'put':
      return given === null;
    case 'get':
      return given === null || isString(given);
    case 'cas':
      return isBoolean(given);
    case 'delete':
      return given === null || isBoolean(given);
    case 'increment':
      return isString(given) && DIGITS.test(given);
    case 'range':
      return isRecord(given) && listOf(isItem)(given['items']) && isBoolean(given['more']);
    case 'txn':
      return isRecord(given) && isTxnOutput(given, fields);
  }
}

function isTxnOutput(output: Fields, fields: Fields): boolean {
  const { succeeded, steps } = output;
  if (!isBoolean(succeeded) || !Array.isArray(steps)) return false;
  const branch = (succeeded ? fields['then'] : fields['else']) ?? [];
  if (!listOf(isStep)(branch)) return false;
  const asked = branch as HistoryStep[];
  if (asked.length !== steps.length) return false;
  return asked.every(({ op }, i) => isOutput(op, steps[i], fields));
}

function valueRule(op: HistoryOperation['op']): (value: unknown) => boolean {
  if (op === 'put' || op === 'cas') return isString;
  if (op === 'increment') return (value) => isString(value) && DIGITS.test(value);
  return optional(isString);
}

/** Answers the field's value; what is absent and may be null is null. */
function checker(
  fields: Fields,
  number: number,
): <T>(field: string, holds: (value: unknown) => boolean, rule: string) => T {
  return <T>(field: string, holds: (value: unknown) => boolean, rule: string): T => {
    const value = fields[field] ?? null;
    if (!holds(value)) throw refusal(number, field, fields[field], rule);
    return value as T;
  };
}

function refusal(line: number, field: string, given: unknown, rule: string): ClusterError {
  const what = given === undefined ? 'is missing' : `is ${shown(given)}`;
  return new ClusterError(
    'REQUEST_INVALID',
    `history line ${line}: ${field} ${what}: give ${rule}`,
    {
      details: { line, field, given: shown(given) },
    },
  );
}

function isGuard(value: unknown): value is HistoryGuard {
  if (!isRecord(value)) return false;
  const { key, target, operator, operand } = value;
  const isFitting = target === 'value' ? isString(operand) : isCount(operand);
  return (
    isString(key) && isFitting && oneOf(GUARD_TARGETS)(target) && oneOf(GUARD_OPERATORS)(operator)
  );
}

function isStep(value: unknown): value is HistoryStep {
  if (!isRecord(value) || !oneOf(STEP_KINDS)(value['op'])) return false;
  return (
    isString(value['key']) && valueRule(value['op'] as HistoryStep['op'])(value['value'] ?? null)
  );
}

function isItem(value: unknown): boolean {
  return isRecord(value) && isString(value['key']) && isString(value['value']);
}

function listOf(holds: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => Array.isArray(value) && value.every(holds);
}

function oneOf(names: readonly string[]): (value: unknown) => boolean {
  return (value) => isString(value) && names.includes(value);
}

function optional(holds: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === null || holds(value);
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
