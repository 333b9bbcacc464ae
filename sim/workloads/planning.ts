/**
 * When clients do things, and how long they wait: drawn before the run, as data.
 *
 * Bursts and trickles: a client that asks evenly meets faults at even moments. A burst fills a batch and
 * its pipeline; a pause lets timers, expiries and snapshots come in between; a trickle has one thing in
 * flight when something breaks. Deadlines likewise: half a second ends in the middle of an election, ten
 * seconds outlast one.
 *
 * And rushes: moments that all clients share. Clients that each have bursts of their own are hardly ever at
 * work together, and then a read never meets a write that is under way, nor two commands one entry. In a
 * rush they do the same things to the same few keys, back to back.
 */
import type { SeededRandom } from '../world/seeded-random.ts';
import type { PlannedOperation, WorkloadPlanOptions } from './workload.ts';

const CLIENTS_MIN = 4;
const CLIENTS_MAX = 8;
/** More often what users take. */
const DEADLINES_MS: readonly number[] = [500, 1_000, 2_000, 2_000, 5_000, 5_000, 10_000];
const BURST_MAX = 12;
/** Rushes of a run come so often, in ms; a burst in one is over in about so long. */
const RUSH_EVERY_MS = 4_000;
const RUSH_MS = 300;
/** Operations that belong to a rush, in percent of all bursts. */
const RUSH_PERCENT = 40;

/**
 * What one operation is to be, drawn at its turn. `at`: how many this client had before. `rush`: which one
 * it belongs to; all that do had better meet.
 */
export type Draw = (
  random: SeededRandom,
  client: number,
  at: number,
  rush: number | undefined,
) => Pick<PlannedOperation, 'kind' | 'args'>;

/** Operations of 4 to 8 clients, ordered by time. */
export function planOperations(options: WorkloadPlanOptions, draw: Draw): PlannedOperation[] {
  const { random, durationMs, operations } = options;
  const clients = random.stream('clients').between(CLIENTS_MIN, CLIENTS_MAX);
  const rushes = planRushes(random.stream('rushes'), durationMs);
  const planned: PlannedOperation[] = [];
  for (let client = 1; client <= clients; client++) {
    const own = random.stream(`client ${client}`);
    const count = Math.ceil(operations / clients);
    const times = planTimes(own.stream('times'), durationMs, count, rushes);
    for (const [at, atMs] of times.entries()) {
      planned.push({ client, atMs, ...draw(own, client, at, rushAt(rushes, atMs)) });
    }
  }
  return planned.sort((a, b) => a.atMs - b.atMs || a.client - b.client);
}

function planRushes(random: SeededRandom, durationMs: number): number[] {
  const count = Math.ceil(durationMs / RUSH_EVERY_MS);
  const times = Array.from({ length: count }, () => random.below(Math.max(1, durationMs)));
  return times.sort((a, b) => a - b);
}

function rushAt(rushes: readonly number[], atMs: number): number | undefined {
  const at = rushes.findLastIndex((rush) => rush <= atMs && atMs < rush + RUSH_MS);
  return at < 0 ? undefined : at;
}

/** `count` whole milliseconds from 0 to `durationMs`, ascending. */
export function planTimes(
  random: SeededRandom,
  durationMs: number,
  count: number,
  rushes: readonly number[] = [],
): number[] {
  const times: number[] = [];
  while (times.length < count) {
    const isRush = rushes.length > 0 && random.chance(RUSH_PERCENT);
    const from = isRush ? random.pick(rushes) : random.below(Math.max(1, durationMs));
    const isBurst = isRush || random.chance(40);
    const size = Math.min(count - times.length, isBurst ? random.between(2, BURST_MAX) : 1);
    // A burst comes at once, or a few milliseconds apart.
    const apart = random.pick([0, 1, 5, 25]);
    for (let at = 0; at < size; at++) times.push(Math.min(durationMs, from + at * apart));
  }
  return times.sort((a, b) => a - b);
}

export function drawDeadline(random: SeededRandom): number {
  return random.pick(DEADLINES_MS);
}

/** One of `[weight, what]`. */
export function drawWeighted<T>(
  random: SeededRandom,
  choices: readonly (readonly [weight: number, what: T])[],
): T {
  let at = random.below(choices.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, what] of choices) {
    if (at < weight) return what;
    at -= weight;
  }
  throw new Error('nothing to draw from');
}

/** Argument `at` of an operation, as text. */
export function textArg(operation: PlannedOperation, at: number): string {
  return String(operation.args[at] ?? '');
}

export function numberArg(operation: PlannedOperation, at: number): number {
  return Number(operation.args[at] ?? 0);
}
