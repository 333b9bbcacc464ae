/**
 * What a fault is: something that befalls a cluster at a moment that was planned before the run, from the
 * seed. Plain data, so that it can be printed, replayed, and taken out when a failing run is made smaller.
 * Operators' deeds (members, transfers, restarts) are faults, too: planned, and at odd moments.
 *
 * Who it befalls is said by role where that makes it nastier (`leader`, `follower`), and is then decided at
 * the moment itself.
 */
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SeededRandom } from '../world/seeded-random.ts';

/** One fault, as it was planned. */
export interface PlannedFault {
  /** In ms of the run. */
  readonly atMs: number;
  /** Such as `kill`, `cut-one-way`, `slow-disk`; one of FAULT_KINDS. */
  readonly kind: string;
  /** What it does, in its own words: targets, durations in ms, strengths. */
  readonly args: Readonly<Record<string, string | number>>;
  /** It strikes only when too few of the others have: see `beginFaults`. */
  readonly isSpare?: true;
}

export interface FaultPlanOptions {
  readonly random: SeededRandom;
  /** The machines that found the cluster. */
  readonly nodes: readonly string[];
  readonly fromMs: number;
  readonly untilMs: number;
  /** At least so many. */
  readonly faults: number;
}

/** A family of faults that are drawn together: `calm`, `lossy`, `partitioned`, ... */
export interface FaultMode {
  readonly name: string;
  plan(options: FaultPlanOptions): readonly PlannedFault[];
  /** As many spare ones, of kinds that find somebody at any time. */
  spares(random: SeededRandom, times: readonly number[]): readonly PlannedFault[];
}

/** Brings planned faults upon a cluster, and takes them off it again. */
export interface FaultRun {
  /** Faults that really struck, by kind. */
  readonly struck: ReadonlyMap<string, number>;
  /** Deeds of operators under way. */
  readonly pending: number;
  /**
   * Heals everything: links, disks, clocks; powers on and starts every machine that is a member; has
   * operators finish what they began. From then on the cluster must make progress. What can never run
   * again (damage, a removed node) is wiped and replaced, or left out, as an operator would.
   */
  heal(): void;
  /** True when what `heal` began is done: every machine that should run has a node that has started. */
  readonly isHealed: boolean;
  /** Of the voters that there are now, more than half run with the data that they should have. */
  readonly hasMajority: boolean;
}

/** Spare ones strike while fewer than `atLeast` (default 0) have; so those come last. */
export type BeginFaults = (
  cluster: SimCluster,
  faults: readonly PlannedFault[],
  atLeast?: number,
) => FaultRun;
