/**
 * What a workload is: clients, and what they do. The operations are planned before the run, from the
 * seed, as plain data, so that a failing run can be made smaller by taking operations out; what comes of
 * each is the run's affair.
 *
 * A client does one operation at a time, each not before its time. It is a client as `quorate/client` is
 * one: it goes to another node when one is gone, follows hints, repeats a request under its id, and calls
 * an outcome unknown when it is.
 */
import type { RaftNodeConfig } from '../../src/consensus/index.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SeededRandom } from '../world/seeded-random.ts';

/** One operation of one client, as it was planned. Plain data. */
export interface PlannedOperation {
  readonly client: number;
  /** Not before, in ms of the run. */
  readonly atMs: number;
  /** What, in the workload's own words: `put k3 v17`. */
  readonly kind: string;
  readonly args: readonly (string | number)[];
}

export interface WorkloadPlanOptions {
  readonly random: SeededRandom;
  readonly durationMs: number;
  /** At least so many operations. */
  readonly operations: number;
}

export interface WorkloadRun {
  /** Operations that are due and not over. At rest: 0, and all that was planned is done. */
  readonly pending: number;
  /** How it went so far. */
  readonly counts: { readonly ok: number; readonly failed: number; readonly unknown: number };
  /** Begins what belongs to it beside the operations: watches, sessions. */
  start(): void;
  /**
   * Called at the end, when all is healed and at rest, and nothing is pending. Nobody lets time go on
   * meanwhile: it does so itself, with bounds, where it must wait. @throws Violation.
   */
  check(): Promise<void>;
}

export interface Workload {
  readonly name: string;
  /** What the nodes are to be told, so that it bites: snapshots at every turn, short sessions. */
  readonly tuning?: Partial<RaftNodeConfig>;
  plan(options: WorkloadPlanOptions): readonly PlannedOperation[];
  /** Makes the clients, and has each do its part of `operations` as time goes on. */
  begin(cluster: SimCluster, operations: readonly PlannedOperation[]): WorkloadRun;
}
