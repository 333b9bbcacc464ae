/**
 * What a run will be, all of it decided before it begins and from one number: the cluster's shape, what
 * clients will do, what will befall whom and when. Plain data: it can be printed, repeated, and made
 * smaller. What is left to the run are the small dice of the world (latencies, which sectors survive),
 * each with a stream of its own.
 *
 * A run has rounds: a stretch of faults, then quiet, in which everything is healed and progress is
 * demanded.
 */
import type { RaftNodeConfig } from '../../src/consensus/index.ts';
import type { DiskStorageTuning } from '../../src/storage/index.ts';
import type { PlannedFault } from '../faults/fault.ts';
import { MODES } from '../faults/modes.ts';
import { WORKLOADS } from '../workloads/index.ts';
import type { PlannedOperation } from '../workloads/workload.ts';
import { SeededRandom } from '../world/seeded-random.ts';
import { type Minimum, SEED_MINIMUM } from './minimum.ts';

/** The cluster of a run. */
export interface ClusterShape {
  readonly size: number;
  readonly tuning: Partial<RaftNodeConfig>;
  readonly storage: DiskStorageTuning;
}

/** One stretch of faults; times in ms from its beginning. */
export interface PlannedRound {
  readonly faultMs: number;
  /** Spare ones last. */
  readonly faults: readonly PlannedFault[];
}

export interface RunPlan {
  readonly seed: number;
  readonly mode: string;
  readonly workload: string;
  readonly shape: ClusterShape;
  /** Times in ms from the beginning of the run. */
  readonly operations: readonly PlannedOperation[];
  readonly rounds: readonly PlannedRound[];
  /** What must have happened by its end. */
  readonly minimum?: Minimum | undefined;
}

export interface PlanOptions {
  /** One of MODES; `any`: by the seed. */
  readonly mode: string;
  /** One of WORKLOADS; default: by the seed. */
  readonly workload?: string | undefined;
  /** Machines that found the cluster; default: drawn from the seed, 3 mostly. */
  readonly nodes?: number | undefined;
}

const ROUNDS = 3;
const FAULT_MS_MIN = 12_000;
const FAULT_MS_MAX = 14_000;
/** Of a whole run, at least; the rounds share the faults. */
const FAULTS_MIN = 12;
const OPERATIONS_MIN = 520;
/** So many in each round, over its last seconds: enough for the minimum if no other fault finds anybody. */
const SPARES = 5;
const SPARES_MS = 1_500;
/** An even number has majorities of its own, and one voter decides alone. */
const SIZES: readonly number[] = [3, 3, 3, 3, 3, 3, 3, 3, 3, 5, 5, 4, 4, 2, 1];
/** Quiet phases are at least so long; operations go on in them. */
export const QUIET_MS = 8_000;

export function planRun(seed: number, options: PlanOptions): RunPlan {
  const random = new SeededRandom(seed, 'plan');
  const mode = options.mode === 'any' ? inTurn(Object.keys(MODES), seed) : options.mode;
  const workload = options.workload ?? inTurn(Object.keys(WORKLOADS), seed);
  const does = known(WORKLOADS, workload, 'workload');
  const drawn = planShape(random.stream('shape'), options.nodes);
  // What was drawn gives way to what the workload needs to bite.
  const shape = { ...drawn, tuning: { ...drawn.tuning, ...does.tuning } };
  const nodes = Array.from({ length: shape.size }, (_, at) => `n${at + 1}`);
  const dice = random.stream('rounds');
  const lengths = Array.from({ length: ROUNDS }, () => dice.between(FAULT_MS_MIN, FAULT_MS_MAX));
  const brings = known(MODES, mode, 'mode');
  const rounds = lengths.map((faultMs, round) => {
    const faults = brings.plan({
      random: random.stream(`faults ${round}`),
      nodes,
      fromMs: 0,
      untilMs: faultMs,
      faults: Math.ceil(FAULTS_MIN / ROUNDS),
    });
    const times = Array.from({ length: SPARES }, (_, at) => {
      return faultMs - SPARES_MS + (at * SPARES_MS) / SPARES;
    });
    const spares = brings.spares(random.stream(`spares ${round}`), times);
    return { faultMs, faults: [...faults, ...spares] };
  });
  const durationMs = lengths.reduce((sum, ms) => sum + ms + QUIET_MS, 0);
  const operations = does.plan({
    random: random.stream('operations'),
    durationMs,
    operations: OPERATIONS_MIN,
  });
  return { seed, mode, workload, shape, operations, rounds, minimum: SEED_MINIMUM };
}

/**
 * Seeds that follow one another take modes and workloads in turn: their numbers have no common divisor, so
 * that each mode meets each workload equally often, even in a range of few seeds.
 */
function inTurn(names: readonly string[], seed: number): string {
  return names[seed % names.length] as string;
}

/** @throws Error that names those that there are. */
export function known<T>(table: Readonly<Record<string, T>>, name: string, what: string): T {
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  if (found !== undefined) return found;
  throw new Error(`${what} ${JSON.stringify(name)} is none of: ${Object.keys(table).join(', ')}`);
}

/** Small bounds everywhere: what happens once a day at a user's should happen once a second here. */
function planShape(random: SeededRandom, nodes: number | undefined): ClusterShape {
  const interval = random.pick([10, 30, 100, 400]);
  const heartbeatTicks = random.pick([1, 1, 1, 2]);
  // Drawn in any case: a run must be the same when its number of nodes is named.
  const size = random.pick(SIZES);
  return {
    size: nodes ?? size,
    tuning: {
      tickIntervalMs: random.pick([50, 100, 100]),
      electionTicks: random.pick([8, 10, 10]),
      heartbeatTicks,
      preVote: random.chance(85),
      checkQuorum: random.chance(90),
      snapshotIntervalEntries: interval,
      snapshotIntervalBytes: random.pick([16, 64, 1_024]) * 1_024,
      snapshotCatchUpEntries: random.pick([1, 5, Math.ceil(interval / 2)]),
      maxBytesPerMessage: random.pick([512, 8_192, 1_048_576]),
      maxInflightMessages: random.pick([2, 16, 256]),
      sessionIdleMs: random.pick([5_000, 20_000, 3_600_000]),
    },
    storage: {
      segmentBytes: random.pick([4, 16, 64, 256]) * 1_024,
      snapshotsKept: random.pick([1, 2, 3]),
    },
  };
}
