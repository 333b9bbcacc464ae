/**
 * One run of a user's machine: the plan's faults and clients, all checkers of the cluster, and before them
 * those that speak to the user.
 */
import { allCheckers } from '../checkers/index.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { RunPlan } from '../run/plan.ts';
import { type RunResult, runPlan } from '../run/run-plan.ts';
import { makePlainWorkload, type Workload } from '../workloads/index.ts';
import { SeededRandom } from '../world/seeded-random.ts';
import { AppliedLines } from './applied-lines.ts';
import { checkAtRest, OWN_CHECK, SAME_STATE } from './at-rest.ts';
import { MachineSky, underSkies } from './machine-sky.ts';
import { MACHINE_FAILURES, MachineFailures, SAME_RESULTS, SameResults } from './own-checkers.ts';
import { OWN_WORKLOAD } from './own-plan.ts';
import type { Simulation } from './simulation.ts';
import { WatchedMachine } from './watched-machine.ts';

/** The clocks of two processes differ by this times a few. */
const APART_MS = 61_007;

/** Rules that a machine breaks by itself; all others are the cluster's. */
export const MACHINE_RULES: ReadonlySet<string> = new Set([
  SAME_RESULTS,
  SAME_STATE,
  MACHINE_FAILURES,
  OWN_CHECK,
]);

export async function runOwn(
  simulation: Simulation,
  plan: RunPlan,
  onLine?: (line: string) => void,
): Promise<RunResult> {
  let cluster: SimCluster | undefined;
  let made = 0;
  const machine = (): WatchedMachine => {
    made += 1;
    const random = new SeededRandom(plan.seed, `sky ${made}`);
    const sky = new MachineSky({
      random,
      nowMs: () => cluster?.nowMs ?? 0,
      awayMs: made * APART_MS,
    });
    return new WatchedMachine(() => simulation.machine(), sky);
  };
  const workload = ownWorkload(simulation, (begun) => {
    cluster = begun;
  });
  const checkers = [new SameResults(), new MachineFailures(), ...allCheckers()];
  // Before all judges: the last line is what one of them found.
  if (onLine !== undefined) checkers.unshift(new AppliedLines());
  return await underSkies(() => runPlan(plan, { machine, workload, checkers, onLine }));
}

/** Clients that propose what the plan holds; at the end the machines are looked at, too. */
function ownWorkload(simulation: Simulation, begun: (cluster: SimCluster) => void): Workload {
  const plain = makePlainWorkload(() => new Uint8Array(0), OWN_WORKLOAD);
  return {
    ...plain,
    begin: (cluster, operations) => {
      begun(cluster);
      const run = plain.begin(cluster, operations);
      return {
        get pending(): number {
          return run.pending;
        },
        get counts() {
          return run.counts;
        },
        start: () => run.start(),
        check: async () => {
          await run.check();
          await checkAtRest(cluster, simulation);
        },
      };
    },
  };
}
