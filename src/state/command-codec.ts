/**
 * Commands of the key-value machine as bytes: flat, versioned, checked.
 *
 *     tag u8 (which machine: 1) · version u8 (1) · kind u8 · body
 *
 * The tag leads every command of every machine, so that several can share one log; a machine sees its
 * commands whole. The rule it protects: version 1 is closed for ever. A new kind of command, step or
 * comparison, or another layout of a body, raises the version, so that a node can tell a command of a later
 * release, which must stop it (COMMAND_UNKNOWN: to skip it, or to guess, would fork the state), from
 * bytes that are no command. Those mean nothing to any release, now or later: a rejection, the same on
 * every replica, since no bytes of a client may stop a node. They are refused before they are proposed;
 * this is for those that came by another way. A later release still rejects what is rejected now.
 */
import { ClusterError } from '../errors.ts';
import { COMMAND_BYTES_MAX } from '../limits.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { checkShape } from './command-shape.ts';
import { putCommandBytes, writePutCommand } from './put-command.ts';
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

const writer = new ByteWriter();

const PIECE_BYTES: number = 16 * 1024;
/** Commands above it have an array of their own; at most a quarter of a piece is left over then. */
const SMALL_BYTES_MAX: number = 4 * 1024;
/** Where the next small put is written, behind those that were made before. */
let piece: ArrayBuffer = new ArrayBuffer(PIECE_BYTES);
let usedBytes = 0;

/**
 * @throws ClusterError REQUEST_INVALID where it is no command (the field is named), NUMBER_OUT_OF_RANGE,
 * COMMAND_TOO_LARGE. Other bounds: `validateCommand`.
 */
export function encodeCommand(command: KvCommand): Uint8Array {
  checkShape(command);
  if (command.kind === 'put') return encodePut(command.key, command.value);
  writer.clear();
  writer.u8(KV_TAG).u8(VERSION).u8(COMMANDS.indexOf(command.kind));
  switch (command.kind) {
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
      writer.i64(command.by);
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

/**
 * As `encodeCommand` of a put, for callers who make very many: without the object around key and value.
 *
 * @throws ClusterError COMMAND_TOO_LARGE. Other bounds: `validatePut`.
 */
export function encodePut(key: Uint8Array, value: Uint8Array): Uint8Array {
  const length = putCommandBytes(key.length, value.length);
  if (length > COMMAND_BYTES_MAX) throw commandTooLarge(length);
  const bytes = roomFor(length);
  writePutCommand(bytes, 0, key, value);
  return bytes;
}

/** Cut from a larger piece if it is small: to make an array of its own takes three times as long as the rest. */
function roomFor(length: number): Uint8Array {
  if (length > SMALL_BYTES_MAX) return new Uint8Array(length);
  if (usedBytes + length > piece.byteLength) {
    piece = new ArrayBuffer(PIECE_BYTES);
    usedBytes = 0;
  }
  const room = new Uint8Array(piece, usedBytes, length);
  usedBytes += length;
  return room;
}

export function commandTooLarge(length: number): ClusterError {
  return new ClusterError(
    'COMMAND_TOO_LARGE',
    `the command takes ${length} bytes; one command has at most ${COMMAND_BYTES_MAX}; split it`,
    { details: { field: 'command', actual: length, bound: COMMAND_BYTES_MAX } },
  );
}

/** A command of a later release: this one can not tell what it means, and must not go on behind it. */
export function isLaterCommand(bytes: Uint8Array): boolean {
  return bytes.length > 1 && bytes[0] === KV_TAG && (bytes[1] as number) > VERSION;
}

/**
 * The command; its keys and values are views into `bytes`.
 *
 * @throws ClusterError REQUEST_INVALID. `details.later` is true for a command of a later version;
 * anything else makes no sense to any.
 */
export function decodeCommand(bytes: Uint8Array): KvCommand {
  const reader = new ByteReader(bytes, 'REQUEST_INVALID', 'command');
  const tag = reader.u8('tag');
  if (tag !== KV_TAG) reader.fail(`has tag ${tag}; that of keys and values is ${KV_TAG}`);
  const version = reader.u8('version');
  if (version !== VERSION) {
    reader.fail(`has version ${version}; this one is ${VERSION}`, { later: version > VERSION });
  }
  const number = reader.u8('kind');
  const kind = COMMANDS[number] ?? reader.fail(`has an unknown kind ${number}`);
  const command = readBody(reader, kind);
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

function writeCompare(compare: Compare): void {
  writer.blob(compare.key);
  writer.u8(TARGETS.indexOf(compare.target)).u8(OPERATORS.indexOf(compare.operator));
  if (compare.target === 'value') writer.blob(compare.operand);
  else writer.uint(compare.operand);
}

function readCompare(reader: ByteReader): Compare {
  const key = reader.blob('key');
  const target = TARGETS[reader.u8('target')] ?? reader.fail('has an unknown target');
  const operator = OPERATORS[reader.u8('operator')] ?? reader.fail('has an unknown operator');
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
      writer.i64(step.by);
      break;
    case 'get':
      writeRange(step.range);
      // 0 stands for "as many as are allowed".
      writer.uint(step.limit ?? 0);
      break;
  }
}

function readStep(reader: ByteReader): TransactionStep {
  const kind = STEPS[reader.u8('kind of step')] ?? reader.fail('has an unknown kind of step');
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
