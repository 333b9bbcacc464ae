/**
 * Measuring small pieces of work against each other. What counts is processor time, not time that passes,
 * as the machine may be busy with other things; all candidates take turns in each round, so that what
 * slows one (caches, clock rates) slows all; and of the rounds the median counts.
 */
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

/** Odd, so that the median is a run. */
export const ROUNDS = 9;
/** Of each candidate in each round: long enough for the clock, short enough for nine rounds. */
const ROUND_MS = 100;
const WARM_UP_MS = 250;

export interface Candidate {
  readonly name: string;
  /** One operation. What it returns is kept, so that it can not be left out. */
  readonly run: () => unknown;
}

/** One question, and the candidates that answer it. The first candidate is ours. */
export interface Comparison {
  readonly title: string;
  readonly candidates: readonly Candidate[];
}

export interface Benchmark {
  readonly name: string;
  comparisons(): readonly Comparison[];
}

export interface Measured {
  readonly name: string;
  /** Nanoseconds of an operation, by rounds. */
  readonly rounds: readonly number[];
}

let sink: unknown;

/** Operations a batch, so that looking at the clock costs nothing. */
function batchOf(run: () => unknown): number {
  const endMs = performance.now() + WARM_UP_MS;
  let count = 0;
  while (performance.now() < endMs) {
    sink = run();
    count++;
  }
  return Math.max(1, Math.ceil((count / WARM_UP_MS) * 2));
}

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function round(run: () => unknown, batch: number): number {
  const startMs = processorMs();
  let operations = 0;
  let spentMs = 0;
  while (spentMs < ROUND_MS) {
    for (let i = 0; i < batch; i++) sink = run();
    operations += batch;
    spentMs = processorMs() - startMs;
  }
  return (spentMs * 1e6) / operations;
}

export function measure(candidates: readonly Candidate[]): Measured[] {
  const batches = candidates.map(({ run }) => batchOf(run));
  const times = candidates.map((): number[] => []);
  for (let count = 0; count < ROUNDS; count++) {
    for (const [at, { run }] of candidates.entries()) times[at]!.push(round(run, batches[at]!));
  }
  return candidates.map(({ name }, at) => ({ name, rounds: times[at]! }));
}

/** For reading the figures a year later. */
export function machine(): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  const load = loadavg()[0]!.toFixed(1);
  const processor = `${availableParallelism()} x ${cpus()[0]?.model ?? 'processor'}`;
  return `Node.js ${process.version}, ${processor}, ${memory} GiB, load ${load}`;
}

/** So that nobody can say that nothing was kept. */
export function lastResult(): unknown {
  return sink;
}
