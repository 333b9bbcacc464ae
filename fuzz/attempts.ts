/**
 * Trying inputs, one after the other, and measuring each. A hang can not be seen from in here (see
 * watch.ts); an input that took far too long and ended after all is one too.
 */
import { inspect } from 'node:util';
import { getHeapStatistics } from 'node:v8';
import { FuzzDice } from './dice.ts';
import { type Finding, FindingKind, type FuzzReport, type FuzzSubject } from './target.ts';

/** A good input takes less than a millisecond; a busy machine may stop us for a second or two. */
export const INPUT_MS_MAX = 5_000;
/** What one input may leave behind before the collector comes: a few megabytes of ordinary work. */
const GROWTH_BYTES_MAX = 64 * 1024 * 1024;
/** Objects made of bytes may be larger than these, by so much at most. */
const GROWTH_PER_INPUT_BYTE = 40;

export interface AttemptOptions {
  readonly seed: number;
  /** How many at most. */
  readonly count?: number;
  /** Until when, by `performance.now`. */
  readonly untilMs?: number;
  /** Told before each input. */
  readonly onInput?: (input: number) => void;
}

export function inputOf(subject: FuzzSubject, seed: number, input: number): Uint8Array {
  return subject.generate(new FuzzDice(seed, input));
}

function heapBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

export async function attemptInputs(
  subject: FuzzSubject,
  options: AttemptOptions,
): Promise<FuzzReport> {
  const { seed, count = Number.POSITIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY } = options;
  let inputs = 0;
  let slowest = { ms: 0, bytes: 0 };
  let peakHeapBytes = 0;
  let finding: Finding | undefined;
  while (finding === undefined && inputs < count && performance.now() < untilMs) {
    const number = inputs++;
    options.onInput?.(number);
    const bytes = inputOf(subject, seed, number);
    const outcome = await attemptOne(subject, bytes, number);
    if (outcome.ms > slowest.ms) slowest = { ms: outcome.ms, bytes: bytes.length };
    peakHeapBytes = Math.max(peakHeapBytes, outcome.heapBytes);
    finding = outcome.finding;
  }
  return { inputs, slowest, peakHeapBytes, finding };
}

interface Outcome {
  readonly ms: number;
  readonly heapBytes: number;
  readonly finding: Finding | undefined;
}

export async function attemptOne(
  subject: FuzzSubject,
  input: Uint8Array,
  number = -1,
): Promise<Outcome> {
  const heapBefore = heapBytes();
  const startMs = performance.now();
  let text: string | undefined;
  try {
    await subject.attempt(input);
  } catch (error) {
    // With its causes.
    text = inspect(error);
  }
  const ms = performance.now() - startMs;
  const heapAfter = heapBytes();
  const growth = heapAfter - heapBefore;
  const found = (kind: FindingKind, what: string): Outcome => {
    return { ms, heapBytes: heapAfter, finding: { kind, input: number, text: what } };
  };
  if (text !== undefined) return found(FindingKind.Crash, text);
  if (ms > INPUT_MS_MAX) {
    return found(FindingKind.Hang, `${input.length} bytes took ${Math.round(ms)} ms`);
  }
  if (growth > GROWTH_BYTES_MAX + GROWTH_PER_INPUT_BYTE * input.length) {
    return found(FindingKind.Memory, `${input.length} bytes took ${growth} bytes of memory`);
  }
  return { ms, heapBytes: heapAfter, finding: undefined };
}
