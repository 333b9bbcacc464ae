/**
 * What the machine answered, as bytes: they travel from the replica that applied to whoever asked, are
 * kept by sessions for retries, and are hashed to compare the replicas.
 *
 *     version u8 (1) · kind u8 · body
 *
 * The rule it protects: the same answer is the same bytes on every replica. A result with a code
 * other than 0 is a rejection; see rejections.ts.
 */
import { type CommandResult, CompactResult } from '../consensus/index.ts';
import { ByteReader, ByteWriter, copyBytes, uintLength, writeUint } from './bytes.ts';
import { resultToError } from './rejections.ts';
import type { KeyValue, KvResult, StepResult } from './types.ts';

const VERSION = 1;

/** A kind's number is its place in the list; 0 stays free. Append only. */
const RESULTS = [
  undefined,
  'put',
  'delete',
  'compareAndSet',
  'increment',
  'transaction',
  'compact',
] as const;
const RESULT_PUT: number = RESULTS.indexOf('put');
const STEPS = [undefined, 'put', 'delete', 'increment', 'get'] as const;

const writer = new ByteWriter();

/** As `encodeResult` of a put: the result of nearly all commands, and of all it is that number. */
export class PutResult extends CompactResult {
  readonly code = 0;
  readonly #revision: number;

  constructor(revision: number) {
    super();
    this.#revision = revision;
  }

  override get byteLength(): number {
    return 2 + uintLength(this.#revision);
  }

  override write(target: Uint8Array, at: number): void {
    target[at] = VERSION;
    target[at + 1] = RESULT_PUT;
    writeUint(target, at + 2, this.#revision);
  }
}

/** As the machine answers it: code 0, and bytes for `decodeResult`. */
export function encodeResult(result: KvResult): CommandResult {
  writer.clear();
  writer.u8(VERSION).u8(RESULTS.indexOf(result.kind)).uint(result.revision);
  switch (result.kind) {
    case 'delete':
      writer.uint(result.deleted);
      break;
    case 'compareAndSet':
      writer.u8(result.swapped ? 1 : 0);
      if (result.actual === undefined) writer.u8(0);
      else writer.u8(1).blob(result.actual);
      break;
    case 'increment':
      writer.i64(result.value);
      break;
    case 'transaction':
      writer.u8(result.succeeded ? 1 : 0).uint(result.steps.length);
      for (const step of result.steps) writeStep(step);
      break;
    default:
      break;
  }
  return { code: 0, bytes: writer.finish() };
}

/** Of the bytes from `start` to `end`. @throws ClusterError CODEC_INVALID. */
export function decodeResult(bytes: Uint8Array, start = 0, end: number = bytes.length): KvResult {
  const reader = new ByteReader(bytes, 'CODEC_INVALID', 'result', start, end);
  const version = reader.u8('version');
  if (version !== VERSION) reader.fail(`has version ${version}; this program knows ${VERSION}`);
  const kind = RESULTS[reader.u8('kind')] ?? reader.fail('has an unknown kind');
  const result = readBody(reader, kind);
  reader.done();
  return result;
}

/** The answer, or the rejection thrown as a ClusterError. */
export function unwrapResult(result: CommandResult): KvResult {
  const error = resultToError(result);
  if (error !== undefined) throw error;
  return decodeResult(result.bytes);
}

function readBody(reader: ByteReader, kind: KvResult['kind']): KvResult {
  const revision = reader.uint('revision');
  switch (kind) {
    case 'put':
    case 'compact':
      return { kind, revision };
    case 'delete':
      return { kind, revision, deleted: reader.uint('deleted') };
    case 'compareAndSet': {
      const swapped = reader.flag('swapped');
      const actual = reader.flag('has actual') ? { actual: copyBytes(reader.blob('actual')) } : {};
      return { kind, revision, swapped, ...actual };
    }
    case 'increment':
      return { kind, revision, value: reader.i64('value') };
    case 'transaction': {
      const succeeded = reader.flag('succeeded');
      const steps: StepResult[] = [];
      for (let count = reader.count('steps'); count > 0; count--) steps.push(readStep(reader));
      return { kind, revision, succeeded, steps };
    }
  }
}

function writeStep(step: StepResult): void {
  writer.u8(STEPS.indexOf(step.kind));
  switch (step.kind) {
    case 'put':
      break;
    case 'delete':
      writer.uint(step.deleted);
      break;
    case 'increment':
      writer.i64(step.value);
      break;
    case 'get':
      writer.u8(step.more ? 1 : 0).uint(step.items.length);
      for (const item of step.items) {
        writer.uint(item.createRevision).uint(item.modRevision).uint(item.version);
        writer.blob(item.key).blob(item.value);
      }
      break;
  }
}

function readStep(reader: ByteReader): StepResult {
  const kind = STEPS[reader.u8('kind of step')] ?? reader.fail('has an unknown kind of step');
  switch (kind) {
    case 'put':
      return { kind };
    case 'delete':
      return { kind, deleted: reader.uint('deleted') };
    case 'increment':
      return { kind, value: reader.i64('value') };
    case 'get': {
      const more = reader.flag('more');
      const items: KeyValue[] = [];
      for (let count = reader.count('items'); count > 0; count--) {
        const createRevision = reader.uint('createRevision');
        const modRevision = reader.uint('modRevision');
        const version = reader.uint('version');
        const key = copyBytes(reader.blob('key'));
        const value = copyBytes(reader.blob('value'));
        items.push({ key, value, createRevision, modRevision, version });
      }
      return { kind, items, more };
    }
  }
}
