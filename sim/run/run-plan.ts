/**
 * One run of a simulated cluster, from its plan to its verdict.
 *
 * It founds the cluster, lets clients and faults loose, heals it after each round and demands progress,
 * and looks at the end whether everything is there and everybody agrees. All checkers watch all the time.
 * The first violation ends the run: what comes after it proves nothing.
 *
 * Progress, as it is demanded once everything is healed: while a majority of the voters runs nobody leads
 * for 15 election timeouts at most, whatever the others still lack (leadership.ts); every machine's node starts
 * within 60 s; 15 election timeouts later all agree on a leader, and at most 3 more are elected until the phase
 * ends; a write and a read succeed on each node within 15 s; all that clients had begun ends. The bounds are
 * generous: over hundreds of seeds nobody led for 5 timeouts at most, and one more leader was elected. A bound
 * that is missed is a node that is stuck, not one that is slow.
 *
 * And enough must have happened (minimum.ts): spare faults strike at the end of a round in which too few found
 * anybody.
 */
import type { StateMachine } from '../../src/consensus/index.ts';
import { type Checker, Violation } from '../checkers/checker.ts';
import { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimProcess } from '../cluster/sim-process.ts';
import type { FaultRun } from '../faults/fault.ts';
import { beginFaults } from '../faults/index.ts';
import { WORKLOADS } from '../workloads/index.ts';
import type { Workload, WorkloadRun } from '../workloads/workload.ts';
import { Leadership, LIVENESS } from './leadership.ts';
import { demandMinimum, type Minimum } from './minimum.ts';
import { known, QUIET_MS, type RunPlan } from './plan.ts';
import type { RunSums } from './sums.ts';
import { type FoundViolation, Watch } from './watch.ts';

export interface RunOptions {
  /** Lines of what happens, for a reader. Costs time. */
  readonly onLine?: ((line: string) => void) | undefined;
  readonly machine?: (() => StateMachine) | undefined;
  /** In place of the plan's, by name. */
  readonly workload?: Workload | undefined;
  readonly checkers?: readonly Checker[] | undefined;
}

export interface RunResult extends RunSums {
  readonly plan: RunPlan;
  /** Of everything that happened, in order: the same plan gives the same one. */
  readonly hash: string;
  readonly violation: FoundViolation | undefined;
  /** Commands, over all nodes. */
  readonly applied: number;
}

/** Until the cluster that was just founded has its first leader. */
const FOUNDED_WITHIN_MS = 30_000;
/** Until every machine that should run has a node that has started, snapshots fetched and all. */
const HEALED_WITHIN_MS = 60_000;
/** From then on, in election timeouts: until all agree on a leader. */
const LEADER_WITHIN_TIMEOUTS = 15;
/** Until each node answers a write and a read. */
const PROGRESS_WITHIN_MS = 15_000;
/** Until one more of the operations that have gathered is over; their own deadlines are shorter. */
const OPERATION_WITHIN_MS = 30_000;
/** Until all nodes have stopped that were asked to. */
const STOPPED_WITHIN_MS = 60_000;
/** A quiet phase goes on for so long after all is healed, at least. */
const STEADY_MS = 3_000;
/** Leaders that may be elected in a quiet phase after all had agreed on one. */
const MORE_ELECTIONS_MAX = 3;

export async function runPlan(plan: RunPlan, options: RunOptions = {}): Promise<RunResult> {
  return await new Run(plan, options).toEnd();
}

class Run {
  readonly #plan: RunPlan;
  readonly #cluster: SimCluster;
  readonly #watch: Watch;
  readonly #workload: WorkloadRun;
  #faults: FaultRun | undefined;

  constructor(plan: RunPlan, options: RunOptions) {
    this.#plan = plan;
    const { seed, shape } = plan;
    this.#cluster = new SimCluster({
      seed,
      size: shape.size,
      tuning: shape.tuning,
      storage: shape.storage,
      ...(options.machine === undefined ? {} : { machine: options.machine }),
      ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
    });
    this.#watch = new Watch(this.#cluster, options.checkers);
    const workload = options.workload ?? known(WORKLOADS, plan.workload, 'workload');
    this.#workload = workload.begin(this.#cluster, plan.operations);
  }

  async toEnd(): Promise<RunResult> {
    try {
      await this.#live();
    } catch (error) {
      if (!(error instanceof Ended)) this.#watch.found(error);
    }
    await this.#watch.close();
    return this.#result();
  }

  // ---- its course -------------------------------------------------------------------------------

  async #live(): Promise<void> {
    const cluster = this.#cluster;
    cluster.startAll();
    await this.#demand(
      'a first leader',
      FOUNDED_WITHIN_MS,
      () => cluster.agreedLeader !== undefined,
    );
    this.#workload.start();
    const { rounds, minimum } = this.#plan;
    for (const [at, round] of rounds.entries()) {
      const fromMs = cluster.nowMs;
      const faults = round.faults.map((fault) => ({ ...fault, atMs: fault.atMs + fromMs }));
      const byThen = Math.ceil(((minimum?.faults ?? 0) * (at + 1)) / rounds.length);
      this.#faults = beginFaults(cluster, faults, byThen - this.#watch.tally.faultsStruck);
      await this.#until(() => false, round.faultMs);
      await this.#quiet(this.#faults);
      this.#watch.tally.faults(this.#faults.struck);
      this.#faults = undefined;
    }
    await this.#drain();
    await this.#rest();
    await this.#workload.check();
    // It took its time, and the leader may have ended a session meanwhile.
    await this.#rest();
    this.#watch.atEnd();
    await this.#stopAll();
    if (minimum !== undefined) demandMinimum(minimum, this.#reached());
  }

  #reached(): Minimum {
    const { ok, failed, unknown } = this.#workload.counts;
    const faults = this.#watch.tally.faultsStruck;
    return { simulatedMs: this.#cluster.nowMs, operations: ok + failed + unknown, faults };
  }

  /** Everything is healed: from here on the cluster must do what it is for. */
  async #quiet(faults: FaultRun): Promise<void> {
    const cluster = this.#cluster;
    const endMs = cluster.nowMs + QUIET_MS;
    cluster.say('****', 'quiet');
    faults.heal();
    const { tickIntervalMs = 100, electionTicks = 10 } = this.#plan.shape.tuning;
    const leaderWithinMs = LEADER_WITHIN_TIMEOUTS * tickIntervalMs * electionTicks;
    const leadership = this.#watchLeadership(faults, leaderWithinMs);
    await this.#demand('every node started', HEALED_WITHIN_MS, () => faults.isHealed);
    const steadyMs = cluster.nowMs + STEADY_MS;
    await this.#demand('one leader, known to all', leaderWithinMs, () => {
      return cluster.agreedLeader !== undefined;
    });
    leadership.settled();
    await this.#probe();
    await this.#until(() => false, Math.max(0, Math.max(endMs, steadyMs) - cluster.nowMs));
    leadership.end();
  }

  #watchLeadership(faults: FaultRun, leaderWithinMs: number): Leadership {
    return new Leadership({
      cluster: this.#cluster,
      tally: this.#watch.tally,
      hasMajority: () => faults.hasMajority,
      leaderWithinMs,
      electionsMax: MORE_ELECTIONS_MAX,
      found: (violation) => this.#watch.found(violation),
    });
  }

  /** A decision and a read on every node. */
  async #probe(): Promise<void> {
    const cluster = this.#cluster;
    const waiting = new Set(cluster.processes.map(({ node }) => node));
    const errors = new Map<string, string>();
    for (const { node } of cluster.processes) {
      const ask = (): void => {
        const probe = async ({ engine }: SimProcess): Promise<void> => {
          await engine.closeSession(await engine.openSession());
          await engine.readBarrier();
        };
        cluster.ask(node, probe).then(
          () => waiting.delete(node),
          (error: Error) => {
            errors.set(node, error.message);
            // Until the bound is over it may fail: a leader may change once more.
            cluster.kernel.nature.after(100, ask);
          },
        );
      };
      ask();
    }
    const why = (): string =>
      [...waiting].map((node) => `${node}: ${errors.get(node) ?? 'no answer'}`).join('; ');
    await this.#demand(
      'a write and a read on every node',
      PROGRESS_WITHIN_MS,
      () => {
        return waiting.size === 0;
      },
      why,
    );
  }

  /**
   * Clients work off what has gathered, one operation after the other. How long all of it takes says nothing
   * (hosts that are off for good cost each a deadline); but each ends.
   */
  async #drain(): Promise<void> {
    const ended = (): number => {
      const { ok, failed, unknown } = this.#workload.counts;
      return ok + failed + unknown;
    };
    while (!this.#isDrained()) {
      const before = ended();
      const isOneMore = (): boolean => this.#isDrained() || ended() > before;
      await this.#demand('the end of an operation', OPERATION_WITHIN_MS, isOneMore);
    }
  }

  #isDrained(): boolean {
    return this.#workload.pending === 0 && (this.#faults?.pending ?? 0) === 0;
  }

  /** Until all nodes have applied the same, and no log holds more: that would be applied a moment later. */
  async #rest(): Promise<void> {
    const cluster = this.#cluster;
    const indexes = (): Set<number> => {
      const states = cluster.processes.map(({ engine }) => engine.status());
      return new Set(states.flatMap(({ appliedIndex, lastIndex }) => [appliedIndex, lastIndex]));
    };
    await this.#demand('all nodes equally far', PROGRESS_WITHIN_MS, () => indexes().size === 1);
  }

  async #stopAll(): Promise<void> {
    const cluster = this.#cluster;
    const stopping = cluster.processes.map(({ node }) => cluster.stop(node));
    let isDone = false;
    Promise.all(stopping).then(() => {
      isDone = true;
    });
    await this.#demand('all nodes stopped', STOPPED_WITHIN_MS, () => isDone);
  }

  // ---- demands ----------------------------------------------------------------------------------

  async #until(isReached: () => boolean, withinMs: number): Promise<boolean> {
    const isOver = (): boolean => this.#watch.violation !== undefined || isReached();
    await this.#cluster.until(isOver, withinMs);
    if (this.#watch.violation !== undefined) throw new Ended();
    return isReached();
  }

  async #demand(
    what: string,
    withinMs: number,
    isReached: () => boolean,
    why: () => string = () => '',
  ): Promise<void> {
    if (await this.#until(isReached, withinMs)) return;
    const states = [...this.#cluster.machines.values()].map(({ name, process, failure }) => {
      if (process === undefined) return `${name} does not run (${failure?.message ?? 'stopped'})`;
      if (!process.isStarted) return `${name} has not started`;
      const { phase, role, term, commitIndex, appliedIndex, lastIndex } = process.engine.status();
      const indexes = `commit ${commitIndex} applied ${appliedIndex} last ${lastIndex}`;
      return `${name} ${phase} ${role} of term ${term}, ${indexes}`;
    });
    const rest = [why(), ...states].filter((text) => text !== '').join('; ');
    throw new Violation(LIVENESS, `no ${what} within ${withinMs} ms of quiet: ${rest}`);
  }

  // ---- its verdict ------------------------------------------------------------------------------

  #result(): RunResult {
    if (this.#faults !== undefined) this.#watch.tally.faults(this.#faults.struck);
    return {
      plan: this.#plan,
      hash: this.#cluster.trace.hash,
      violation: this.#watch.violation,
      simulatedMs: this.#cluster.nowMs,
      operations: { ...this.#workload.counts },
      ...this.#watch.tally.totals,
    };
  }
}

/** A violation was found and noted; the run unwinds. */
class Ended extends Error {}
