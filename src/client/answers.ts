/**
 * What callers get, read from the body of the answer to their call, where it lies in the socket's chunk.
 * Keys and values are copies: the chunk is gone, or another one, by the time the caller looks.
 */
import type { Buffer } from 'node:buffer';
import { ClusterError } from '../errors.ts';
import { decodePage, decodePropose, PROPOSE_HEAD_BYTES, readU32 } from '../protocol/index.ts';
import {
  decodeResult,
  type KvResult,
  type RangeResult,
  type StepResult,
  unwrapResult,
} from '../state/index.ts';

/**
 * The machine's answer, of the kind that was asked for. @throws what it refused the command with, and
 * CODEC_INVALID where the answer is one to another command.
 */
function resultOf<K extends KvResult['kind']>(
  kind: K,
  bytes: Buffer,
  start: number,
  end: number,
): Extract<KvResult, { kind: K }> {
  const isDone = end - start >= PROPOSE_HEAD_BYTES && readU32(bytes, start + 8) === 0;
  const result = isDone
    ? decodeResult(bytes, start + PROPOSE_HEAD_BYTES, end)
    : unwrapResult(decodePropose(bytes.subarray(start, end)));
  if (result.kind === kind) return result as Extract<KvResult, { kind: K }>;
  const message =
    `the answer to a ${kind} is that of a ${result.kind}: ` +
    'was its request id used for another write before?';
  throw new ClusterError('CODEC_INVALID', message);
}

export function putAnswer(bytes: Buffer, start: number, end: number): { revision: number } {
  const { revision } = resultOf('put', bytes, start, end);
  return { revision };
}

export function deleteAnswer(
  bytes: Buffer,
  start: number,
  end: number,
): { deleted: number; revision: number } {
  const { deleted, revision } = resultOf('delete', bytes, start, end);
  return { deleted, revision };
}

export function compareAndSetAnswer(
  bytes: Buffer,
  start: number,
  end: number,
): { swapped: boolean; revision: number; actual?: Uint8Array } {
  const { swapped, revision, actual } = resultOf('compareAndSet', bytes, start, end);
  return actual === undefined ? { swapped, revision } : { swapped, revision, actual };
}

export function incrementAnswer(
  bytes: Buffer,
  start: number,
  end: number,
): { value: bigint; revision: number } {
  const { value, revision } = resultOf('increment', bytes, start, end);
  return { value, revision };
}

export function transactionAnswer(
  bytes: Buffer,
  start: number,
  end: number,
): { succeeded: boolean; revision: number; steps: readonly StepResult[] } {
  const { succeeded, revision, steps } = resultOf('transaction', bytes, start, end);
  return { succeeded, revision, steps };
}

export function compactAnswer(bytes: Buffer, start: number, end: number): { revision: number } {
  const { revision } = resultOf('compact', bytes, start, end);
  return { revision };
}

export function pageAnswer(bytes: Buffer, start: number, end: number): RangeResult {
  return decodePage(bytes.subarray(start, end));
}

export function jsonAnswer(bytes: Buffer, start: number, end: number): Record<string, unknown> {
  return JSON.parse(bytes.toString('utf8', start, end)) as Record<string, unknown>;
}

export function noAnswer(): void {}
