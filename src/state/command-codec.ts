/**
 * Commands of the key-value machine as bytes: flat, versioned, checked.
 *
 *     tag u8 (which machine: 1) · version u8 (1) · kind u8 · body
 *
 * The tag leads every command of every machine, so that several can share one log; a machine sees its
 * commands whole. The rule it protects: whatever changes the layout of a body, or gives it one more
 * kind of step, raises the version. A committed command of an unknown tag, version or kind stops the
 * node that does not know it (COMMAND_UNKNOWN): to skip it, or to guess, would fork the state. Bytes
 * that are of a known kind and do not decode are the sender's fault: refused at the door, and where
 * they came by another way a rejection, the same on every replica.
 */
import { ClusterError } from '../errors.ts';
import { COMMAND_BYTES_MAX } from '../limits.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import type {
  Compare,
  CompareOperator,
  CompareTarget,
  KeyRange,
  KvCommand,
  TransactionStep,
} from './types.ts';

/** First byte of every command of the key-value machine. */
export const KV_TAG = 1;
const VERSION = 1;
const HEADER_BYTES = 3;

/** A kind's number is its place in the list; 0 stays free. Append only. */
const COMMANDS = [
  undefined,
  'put',
  'delete',
  'compareAndSet',
  'increment',
  'transaction',
  'compact',
] as const;
const STEPS = [undefined, 'put', 'delete', 'increment', 'get'] as const;
const TARGETS: readonly (CompareTarget | undefined)[] = [
  undefined,
  'value',
  'version',
  'createRevision',
  'modRevision',
];
const OPERATORS: readonly (CompareOperator | undefined)[] = [
  undefined,
  'equal',
  'notEqual',
  'less',
  'greater',
];

const INT64_MIN = -(2n ** 63n);
const INT64_MAX: bigint = 2n ** 63n - 1n;

export function isInt64(value: bigint): boolean {
  return value >= INT64_MIN && value <= INT64_MAX;
}

const writer = new ByteWriter();

/** @throws ClusterError COMMAND_TOO_LARGE, NUMBER_OUT_OF_RANGE. Other bounds: `validateCommand`. */
export function encodeCommand(command: KvCommand): Uint8Array {
  writer.clear();
  writer.u8(KV_TAG).u8(VERSION).u8(COMMANDS.indexOf(command.kind));
  switch (command.kind) {
    case 'put':
      writer.blob(command.key).blob(command.value);
      break;
    case 'delete':
      writeRange(command.range);
      break;
    case 'compareAndSet':
      writer.blob(command.key);
      if (command.expected === undefined) writer.u8(0);
      else writer.u8(1).blob(command.expected);
      writer.blob(command.value);
      break;
    case 'increment':
      writer.blob(command.key);
      writeInt64(command.by);
      break;
    case 'transaction':
      writer.uint(command.compare.length);
      for (const compare of command.compare) writeCompare(compare);
      for (const steps of [command.then, command.else]) {
        writer.uint(steps.length);
        for (const step of steps) writeStep(step);
      }
      break;
    case 'compact':
      writer.uint(command.revision);
      break;
  }
  const { length } = writer;
  if (length > COMMAND_BYTES_MAX) throw commandTooLarge(length);
  return writer.finish();
}

export function commandTooLarge(length: number): ClusterError {
  return new ClusterError(
    'COMMAND_TOO_LARGE',
    `the command takes ${length} bytes; one command has at most ${COMMAND_BYTES_MAX}; split it`,
    { details: { field: 'command', actual: length, bound: COMMAND_BYTES_MAX } },
  );
}

/** False: this version can not tell what the command means, and must not go on behind it. */
export function isKnownCommand(bytes: Uint8Array): boolean {
  return (
    bytes.length >= HEADER_BYTES &&
    bytes[0] === KV_TAG &&
    bytes[1] === VERSION &&
    COMMANDS[bytes[2] as number] !== undefined
  );
}

/**
 * The command; its keys and values are views into `bytes`.
 *
 * @throws ClusterError REQUEST_INVALID. `details.unknown` is true where a later version may know
 * better: an unknown kind of something, rather than bytes that make no sense.
 */
export function decodeCommand(bytes: Uint8Array): KvCommand {
  const reader = new ByteReader(bytes, 'REQUEST_INVALID', 'command');
  if (!isKnownCommand(bytes)) unknown(reader, `begins with ${Array.from(bytes.subarray(0, 3))}`);
  reader.u8('tag');
  reader.u8('version');
  const command = readBody(reader, COMMANDS[reader.u8('kind')] as KvCommand['kind']);
  reader.done();
  return command;
}

function readBody(reader: ByteReader, kind: KvCommand['kind']): KvCommand {
  switch (kind) {
    case 'put':
      return { kind, key: reader.blob('key'), value: reader.blob('value') };
    case 'delete':
      return { kind, range: readRange(reader) };
    case 'compareAndSet': {
      const key = reader.blob('key');
      const expected = reader.flag('has expected') ? { expected: reader.blob('expected') } : {};
      return { kind, key, ...expected, value: reader.blob('value') };
    }
    case 'increment':
      return { kind, key: reader.blob('key'), by: reader.i64('by') };
    case 'transaction':
      return {
        kind,
        compare: readList(reader, 'comparisons', readCompare),
        then: readList(reader, 'steps of then', readStep),
        else: readList(reader, 'steps of else', readStep),
      };
    case 'compact':
      return { kind, revision: reader.uint('revision') };
  }
}

function readList<T>(reader: ByteReader, name: string, read: (reader: ByteReader) => T): T[] {
  const items: T[] = [];
  for (let count = reader.count(name); count > 0; count--) items.push(read(reader));
  return items;
}

function writeRange(range: KeyRange): void {
  writer.blob(range.start);
  if (range.end === undefined) writer.u8(0);
  else writer.u8(1).blob(range.end);
}

function readRange(reader: ByteReader): KeyRange {
  const start = reader.blob('start');
  return reader.flag('has end') ? { start, end: reader.blob('end') } : { start };
}

function writeInt64(by: bigint): void {
  if (!isInt64(by)) {
    throw new ClusterError(
      'NUMBER_OUT_OF_RANGE',
      `by is ${by}; it must be from -2^63 to 2^63 - 1`,
      { details: { field: 'by', actual: String(by) } },
    );
  }
  writer.i64(by);
}

function writeCompare(compare: Compare): void {
  writer.blob(compare.key);
  writer.u8(TARGETS.indexOf(compare.target)).u8(OPERATORS.indexOf(compare.operator));
  if (compare.target === 'value') writer.blob(compare.operand);
  else writer.uint(compare.operand);
}

function readCompare(reader: ByteReader): Compare {
  const key = reader.blob('key');
  const target = TARGETS[reader.u8('target')] ?? unknown(reader, 'has an unknown target');
  const operator = OPERATORS[reader.u8('operator')] ?? unknown(reader, 'has an unknown operator');
  if (target === 'value') return { key, target, operator, operand: reader.blob('operand') };
  return { key, target, operator, operand: reader.uint('operand') };
}

function writeStep(step: TransactionStep): void {
  writer.u8(STEPS.indexOf(step.kind));
  switch (step.kind) {
    case 'put':
      writer.blob(step.key).blob(step.value);
      break;
    case 'delete':
      writeRange(step.range);
      break;
    case 'increment':
      writer.blob(step.key);
      writeInt64(step.by);
      break;
    case 'get':
      writeRange(step.range);
      // 0 stands for "as many as are allowed".
      writer.uint(step.limit ?? 0);
      break;
  }
}

function readStep(reader: ByteReader): TransactionStep {
  const kind = STEPS[reader.u8('kind of step')] ?? unknown(reader, 'has an unknown kind of step');
  switch (kind) {
    case 'put':
      return { kind, key: reader.blob('key'), value: reader.blob('value') };
    case 'delete':
      return { kind, range: readRange(reader) };
    case 'increment':
      return { kind, key: reader.blob('key'), by: reader.i64('by') };
    case 'get': {
      const range = readRange(reader);
      const limit = reader.uint('limit');
      return limit === 0 ? { kind, range } : { kind, range, limit };
    }
  }
}

function unknown(reader: ByteReader, problem: string): never {
  reader.fail(problem, { unknown: true });
}
