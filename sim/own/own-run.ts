/**
 * One run of a user's machine: the plan's faults and clients, all checkers of the cluster, and before them
 * those that speak to the user.
 */
import { ClusterError } from '../../src/errors.ts';
import { allCheckers, Violation } from '../checkers/index.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { RunPlan } from '../run/plan.ts';
import { type RunResult, runPlan } from '../run/run-plan.ts';
import { makePlainWorkload, type Workload } from '../workloads/index.ts';
import { SeededRandom } from '../world/seeded-random.ts';
import { AppliedLines } from './applied-lines.ts';
import { checkAtRest, OWN_CHECK, OWN_OBSERVE, SAME_STATE } from './at-rest.ts';
import { callUnderWay, MachineSky, underSkies } from './machine-sky.ts';
import { MACHINE_FAILURES, MachineFailures, SAME_RESULTS, SameResults } from './own-checkers.ts';
import { OWN_WORKLOAD } from './own-plan.ts';
import { ownStack } from './own-stack.ts';
import type { Simulation } from './simulation.ts';
import { WatchedMachine } from './watched-machine.ts';

/** The clocks of two processes differ by this times a few. */
const APART_MS = 61_007;

/** Commands that must have been asked for: of a few ones a fault may take all. */
const TRIED_MIN = 20;

export const SOMETHING_TRIED = 'something was tried';
/** A rejection that nobody handles, where a function of the machine has led to it. */
export const NO_REJECTION = 'no promise that fails behind your back';

/** What the run's own watch calls such a rejection, whoever made it. */
const UNHANDLED = 'no unhandled rejection';

/** Rules that a machine breaks by itself; all others are the cluster's. */
export const MACHINE_RULES: ReadonlySet<string> = new Set([
  SAME_RESULTS,
  SAME_STATE,
  MACHINE_FAILURES,
  OWN_CHECK,
  OWN_OBSERVE,
  SOMETHING_TRIED,
  NO_REJECTION,
]);

export interface OwnResult extends RunResult {
  /** What the machine looked at that differs from node to node, and by which function first. */
  readonly looked: ReadonlyMap<string, string>;
}

export async function runOwn(
  simulation: Simulation,
  plan: RunPlan,
  onLine?: (line: string) => void,
): Promise<OwnResult> {
  const looked = new Map<string, string>();
  let cluster: SimCluster | undefined;
  let made = 0;
  const machine = (): WatchedMachine => {
    made += 1;
    const random = new SeededRandom(plan.seed, `sky ${made}`);
    const sky = new MachineSky({
      random,
      nowMs: () => cluster?.nowMs ?? 0,
      awayMs: made * APART_MS,
      looked,
    });
    return new WatchedMachine(() => simulation.machine(), sky);
  };
  const workload = ownWorkload(simulation, (begun) => {
    cluster = begun;
  });
  const checkers = [new SameResults(), new MachineFailures(), ...allCheckers()];
  // Before all judges: the last line is what one of them found.
  if (onLine !== undefined) checkers.unshift(new AppliedLines());
  const rejections: Rejection[] = [];
  const note = (reason: unknown): void => {
    const { text, isOwn } = ownStack(reason);
    const where = callUnderWay();
    rejections.push({ text, where, isOwn: isOwn || where !== undefined });
  };
  // Before the watch of the run, which ends it: the first one is the one that it tells of.
  process.on('unhandledRejection', note);
  try {
    const run = (): Promise<RunResult> => runPlan(plan, { machine, workload, checkers, onLine });
    const result = await underSkies(run);
    return { ...blamed(result, rejections[0]), looked };
  } finally {
    process.off('unhandledRejection', note);
  }
}

interface Rejection {
  readonly text: string;
  /** The function of the machine that led to it, where Node knows. */
  readonly where: string | undefined;
  readonly isOwn: boolean;
}

/** Says whose promise it was: the machine's author can mend only his own, and we only ours. */
function blamed(result: RunResult, first: Rejection | undefined): RunResult {
  const { violation } = result;
  if (violation?.checker !== UNHANDLED || first?.isOwn !== true) return result;
  const where = first.where === undefined ? 'a function of yours' : first.where;
  const message =
    `a promise that was made in ${where} failed, and nobody waits for it: ${first.text}\n` +
    'In a server of yours this ends the process. Functions of a machine have no use for promises, but in restore ' +
    'and in the chunks of a snapshot: await them there, or leave them out';
  return { ...result, violation: { ...violation, checker: NO_REJECTION, message } };
}

/** Clients that propose what the plan holds; at the end the machines are looked at, too. */
function ownWorkload(simulation: Simulation, begun: (cluster: SimCluster) => void): Workload {
  let missed: Error | undefined;
  const plain = makePlainWorkload(
    () => new Uint8Array(0),
    OWN_WORKLOAD,
    (error) => {
      missed = error;
    },
  );
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
          demandTried(run.counts, missed);
        },
      };
    },
  };
}

/** A run in which nobody got an answer has compared nothing. @throws Violation. */
function demandTried(
  { ok, failed, unknown }: ReturnType<Workload['begin']>['counts'],
  missed: Error | undefined,
): void {
  const count = ok + failed + unknown;
  if (ok > 0 || count < TRIED_MIN) return;
  const code = missed instanceof ClusterError ? ` [${missed.code}]` : '';
  throw new Violation(
    SOMETHING_TRIED,
    `nothing was tried: none of ${count} commands was answered (${failed} without effect, ${unknown} unknown). ` +
      `The last one ended with: ${missed?.message ?? 'no error'}${code}`,
  );
}
