/**
 * What is fuzzed. A target makes inputs and tries them; everything else (time, memory, threads, reports)
 * is the driver's. An input is bytes and nothing but bytes, so that one that fails can be kept in a
 * file and tried again: what a target prepares must be the same on each run.
 */
import type { FuzzDice } from './dice.ts';

export interface FuzzTarget {
  readonly name: string;
  /** What it tries, in a few words. */
  readonly title: string;
  prepare(): Promise<FuzzSubject>;
}

export interface FuzzSubject {
  generate(dice: FuzzDice): Uint8Array;
  /** Throws when something is wrong; what the code under test may throw it must catch. */
  attempt(input: Uint8Array): void | Promise<void>;
}

export const FindingKind = { Crash: 'crash', Hang: 'hang', Memory: 'over-allocation' } as const;
export type FindingKind = (typeof FindingKind)[keyof typeof FindingKind];

/** What went wrong with which input. Plain data: it travels between threads. */
export interface Finding {
  readonly kind: FindingKind;
  /** Number of the input under its seed; -1 for one that came from a file. */
  readonly input: number;
  /** For people; with a stack where there is one. */
  readonly text: string;
}

export interface FuzzReport {
  readonly inputs: number;
  /** How long the slowest input took, and how long it is: inputs of megabytes are among them. */
  readonly slowest: { readonly ms: number; readonly bytes: number };
  readonly peakHeapBytes: number;
  readonly finding: Finding | undefined;
}
