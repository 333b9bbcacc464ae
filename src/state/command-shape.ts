/**
 * That a value is a command at all: known kinds, known fields, bytes where bytes belong, numbers that can
 * be written. Bounds are `command-limits.ts`.
 *
 * The rule it protects: nothing is encoded that would not come back as what was meant. A slip (`type`
 * for `kind`, `expect` for `expected`, a string for bytes) would otherwise make bytes that mean nothing,
 * or something else, and would be committed as such. Types find these only where the caller has them.
 */
import { ClusterError } from '../errors.ts';
import { badField, checkFields } from '../given.ts';
import { RANGE_ITEMS_MAX } from '../limits.ts';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX: bigint = 2n ** 63n - 1n;

const BYTES = 'a Uint8Array, such as Buffer.from(text)';
const REVISION = 'a whole number from 0';

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown, field: string) => void;

export function isInt64(value: bigint): boolean {
  return value >= INT64_MIN && value <= INT64_MAX;
}

const STEPS: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  put: { key: checkBytes, value: checkBytes },
  delete: { range: checkRange },
  increment: { key: checkBytes, by: checkBy },
  get: { range: checkRange, limit: optional(checkLimit) },
};

const COMMANDS: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  put: STEPS['put']!,
  delete: STEPS['delete']!,
  compareAndSet: { key: checkBytes, expected: optional(checkBytes), value: checkBytes },
  increment: STEPS['increment']!,
  transaction: {
    compare: listOf(checkCompare),
    then: listOf(checkStep),
    else: listOf(checkStep),
  },
  compact: { revision: checkRevision },
};

const OPERATORS: readonly unknown[] = ['equal', 'notEqual', 'less', 'greater'];
const NUMBERS: readonly unknown[] = ['version', 'createRevision', 'modRevision'];

const known: Map<object, ReadonlySet<string>> = new Map();
for (const fields of [...Object.values(STEPS), ...Object.values(COMMANDS)]) {
  known.set(fields, new Set(['kind', ...Object.keys(fields)]));
}
const RANGE_FIELDS: ReadonlySet<string> = new Set(['start', 'end']);
const COMPARE_FIELDS: ReadonlySet<string> = new Set(['key', 'target', 'operator', 'operand']);

/** @throws ClusterError REQUEST_INVALID, NUMBER_OUT_OF_RANGE: names the field and what it holds. */
export function checkShape(command: unknown): void {
  checkKind(command, 'command', '', COMMANDS);
}

function checkStep(step: unknown, place: string): void {
  checkKind(step, place, `${place}.`, STEPS);
}

function checkKind(
  given: unknown,
  what: string,
  path: string,
  kinds: Readonly<Record<string, Readonly<Record<string, Check>>>>,
): void {
  if (typeof given !== 'object' || given === null) {
    throw badField(what, given, `an object with a kind: ${Object.keys(kinds).join(', ')}`);
  }
  const fields = given as Fields;
  const kind = fields['kind'];
  if (typeof kind !== 'string' || !Object.hasOwn(kinds, kind)) {
    throw badField(`${path}kind`, kind, `one of ${Object.keys(kinds).join(', ')}`);
  }
  const checks = kinds[kind] as Readonly<Record<string, Check>>;
  checkFields(what, given, known.get(checks) as ReadonlySet<string>, 'REQUEST_INVALID', path);
  for (const name in checks) (checks[name] as Check)(fields[name], `${path}${name}`);
}

function checkCompare(compare: unknown, place: string): void {
  checkFields(place, compare, COMPARE_FIELDS, 'REQUEST_INVALID', `${place}.`);
  const { key, target, operator, operand } = compare as Fields;
  checkBytes(key, `${place}.key`);
  if (!OPERATORS.includes(operator)) {
    throw badField(`${place}.operator`, operator, `one of ${OPERATORS.join(', ')}`);
  }
  if (target === 'value') checkBytes(operand, `${place}.operand`);
  else if (NUMBERS.includes(target)) checkRevision(operand, `${place}.operand`);
  else throw badField(`${place}.target`, target, `one of value, ${NUMBERS.join(', ')}`);
}

/** A query has more fields than the range that it extends: those are checked where it is asked. */
export function checkRangeShape(range: { readonly start: Uint8Array }): void {
  if (typeof range !== 'object' || range === null) throw badField('range', range, RANGE);
  checkBytes(range.start, 'start');
  optional(checkBytes)((range as Fields)['end'], 'end');
}

const RANGE = '{ start, end? } of Uint8Arrays';

function checkRange(range: unknown, field: string): void {
  if (typeof range !== 'object' || range === null) throw badField(field, range, RANGE);
  checkFields(field, range, RANGE_FIELDS, 'REQUEST_INVALID', `${field}.`);
  const { start, end } = range as Fields;
  checkBytes(start, `${field}.start`);
  if (end !== undefined) checkBytes(end, `${field}.end`);
}

function checkBytes(value: unknown, field: string): void {
  if (!(value instanceof Uint8Array)) throw badField(field, value, BYTES);
}

function checkRevision(value: unknown, field: string): void {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return;
  throw badField(field, value, REVISION);
}

function checkLimit(value: unknown, field: string): void {
  if (Number.isSafeInteger(value) && (value as number) >= 1) return;
  throw badField(field, value, `a whole number from 1 to ${RANGE_ITEMS_MAX}`);
}

function checkBy(value: unknown, field: string): void {
  if (typeof value !== 'bigint') {
    throw badField(field, value, 'a bigint from -2^63 to 2^63 - 1, such as 1n');
  }
  if (isInt64(value)) return;
  throw new ClusterError(
    'NUMBER_OUT_OF_RANGE',
    `${field} is ${value}; it must be a bigint from -2^63 to 2^63 - 1`,
    { details: { field, actual: String(value) } },
  );
}

function optional(check: Check): Check {
  return (value, field) => {
    if (value !== undefined) check(value, field);
  };
}

function listOf(check: Check): Check {
  return (value, field) => {
    if (!Array.isArray(value)) throw badField(field, value, 'a list, which may be empty');
    for (let i = 0; i < value.length; i++) check(value[i], `${field}[${i}]`);
  };
}
