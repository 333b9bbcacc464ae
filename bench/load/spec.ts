/**
 * What is asked of a load driver and what it answers, as JSON lines: the same words for the driver in Node
 * and for those in Go, so that a comparison can not compare two things that are counted differently.
 *
 * The rules of counting, for all of them:
 * - what ends within the window counts, wherever it began; nothing else does, and what runs before the window
 *   (connections, caches, the compiler) is not seen;
 * - a failed operation is no operation: it is counted by itself, with its code;
 * - processor time of the servers is read from /proc at the two ends of the window.
 */
import type { HistogramData } from '../histogram.ts';

/** `get` is linearizable, whoever is asked. */
export type Operation = 'put' | 'get' | 'get-lease' | 'get-local' | 'append';

export type LoadTarget =
  /** A client for each list of addresses; operations take them in turn. */
  | { readonly kind: 'quorate'; readonly clients: readonly (readonly string[])[] }
  | { readonly kind: 'ceiling'; readonly port: number };

/** How long, and who is watched meanwhile. */
export interface Window {
  readonly warmSeconds: number;
  readonly seconds: number;
  /** Whose processor time is to be told. */
  readonly serverPids: readonly number[];
}

export interface LoadSpec extends Window {
  readonly kind: 'load';
  readonly target: LoadTarget;
  readonly operation: Operation;
  /** Closed loop: so many at any time. Open loop: the bound, beyond which operations are not begun. */
  readonly inflight: number;
  /** Open loop: so many a second, whatever the answers do. */
  readonly rate?: number;
  /** Ends after so many, instead of after a time; all count. For filling a store. */
  readonly total?: number;
  readonly valueBytes: number;
  /** Written and read in turn. */
  readonly keys: number;
}

export interface LoadResult {
  readonly count: number;
  readonly failed: number;
  /** By code. */
  readonly failures: Readonly<Record<string, number>>;
  /** Open loop: what was due and not even begun, because too much was under way. */
  readonly skipped: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly serverCpuSeconds: number;
  readonly clientCpuSeconds: number;
  readonly latency?: HistogramData;
}

/** Puts at a steady pace, each noted: for the time in which nothing is acknowledged. */
export interface TraceSpec {
  readonly kind: 'trace';
  readonly target: LoadTarget;
  readonly everyMs: number;
}

export interface TraceResult {
  /** When it was sent and when it ended, in ms since 1970. */
  readonly calls: readonly (readonly [startMs: number, endMs: number, isAcknowledged: boolean])[];
  readonly failures: Readonly<Record<string, number>>;
}

/** Watches that are open while something else is measured. */
export interface WatchSpec {
  readonly kind: 'watch';
  readonly nodes: readonly string[];
  /** How many more. */
  readonly count: number;
  readonly keys: number;
}

export type LoadQuestion =
  | LoadSpec
  | TraceSpec
  | WatchSpec
  | { readonly kind: 'end-trace' }
  | { readonly kind: 'watched' };

/** Both sides of a comparison use these. */
export function keyName(number: number): string {
  return `k${String(number).padStart(8, '0')}`;
}

/** A prime, and no factor of any number of keys here: in `keys` steps each key comes once. */
const KEY_STEP = 7_919;

/**
 * Which key the operation of that number is about: all in turn, but never neighbours after each other. One
 * after the other would keep a short load, also on a million keys, among the first of them.
 */
export function keyOfOperation(number: number, keys: number): number {
  return (number * KEY_STEP) % keys;
}

/** Clocks of two processes on one machine agree in this. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}
