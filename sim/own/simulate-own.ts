/**
 * Runs a user's state machine under the faults of the simulator, seed after seed, and says what came of it:
 * as data, and in lines for people on the way.
 *
 * One run after the other, on this thread: what a user brings are functions, which do not travel.
 * Real time is looked at only between runs: for lines of progress, and to end the search for a smaller run.
 */
import { ClusterError } from '../../src/errors.ts';
import type { RunPlan } from '../run/plan.ts';
import { type SeedSummary, summaryOf, Totals } from '../run/report.ts';
import type { RunResult } from '../run/run-plan.ts';
import { sizeOf } from '../run/shrink.ts';
import { checkOptions, checkSimulation, type SimulationSettings } from './check-simulation.ts';
import { counted, shrunkLines, violationLines } from './own-lines.ts';
import { planOwn } from './own-plan.ts';
import { MACHINE_RULES, runOwn } from './own-run.ts';
import { guarded } from './run-guard.ts';
import { shrinkOwn } from './shrink-own.ts';
import type {
  OwnMachine,
  Simulation,
  SimulationOptions,
  SimulationReport,
  SimulationViolation,
} from './simulation.ts';

/** Of real time, between two lines of progress. */
const PROGRESS_EVERY_MS = 5_000;
/** Of real time: who waits for a smaller run has the violation already. */
const SHRINK_MS_MAX = 30_000;
/** Violations that are told in lines; more of them say nothing new. */
const TOLD_MAX = 5;

/**
 * Tries a state machine under everything that befalls a cluster: lost, late and repeated messages, cuts,
 * crashes, power failures, failing disks, changes of members, wrong clocks. The same seed gives the same run.
 *
 * Found are results and states that differ between nodes, commands and snapshots that make the machine
 * throw, what `check` throws, and whatever breaks the rules of the cluster itself. A violation is no error:
 * look at `isOk` of the report.
 *
 * @throws ClusterError REQUEST_INVALID, CONFIG_INVALID naming what is wrong with the arguments; ABORTED by
 * `signal`.
 */
export async function simulate<Machine extends OwnMachine>(
  simulation: Simulation<Machine>,
  options: SimulationOptions = {},
): Promise<SimulationReport> {
  const own = simulation as unknown as Simulation;
  checkSimulation(own);
  const settings = checkOptions(own, options);
  return await new Simulator(own, settings).toEnd();
}

class Simulator {
  readonly #simulation: Simulation;
  readonly #settings: SimulationSettings;
  readonly #totals: Totals = new Totals();
  readonly #runs: { seed: number; hash: string }[] = [];
  readonly #violations: SimulationViolation[] = [];
  #failing: RunResult | undefined;
  /** The seed that runs, or is made smaller. */
  #seed = 0;
  #toldAtMs = performance.now();

  constructor(simulation: Simulation, settings: SimulationSettings) {
    this.#simulation = simulation;
    this.#settings = settings;
  }

  async toEnd(): Promise<SimulationReport> {
    const { from, to, mode, nodes, onLine: say } = this.#settings;
    say(`seeds ${from}..${to}, mode ${mode}${nodes === undefined ? '' : `, ${nodes} nodes`}`);
    const isEnding = (): boolean => this.#settings.signal?.aborted === true;
    await guarded(() => this.#work(), { what: () => `seed ${this.#seed}`, isEnding });
    const found = this.#violations.length;
    say(found === 0 ? 'no violation' : `${counted(found, 'seed')} with a violation`);
    return this.#report();
  }

  async #work(): Promise<void> {
    const { from, to, onLine: say, stopAtFirst, shrink } = this.#settings;
    const began = performance.now();
    let endedMs: number | undefined;
    try {
      for (let seed = from; seed <= to; seed++) {
        this.#checkSignal();
        await this.#runSeed(seed);
        if (this.#violations.length > 0 && stopAtFirst) break;
      }
      endedMs = performance.now();
      if (this.#failing !== undefined && shrink) await this.#shrink(this.#failing);
    } finally {
      // Also of what was ended by its caller: what is known is known.
      const seconds = ((endedMs ?? performance.now()) - began) / 1000;
      const lines = this.#totals.seeds === 0 ? [] : this.#totals.lines(seconds);
      for (const line of lines) say(line);
    }
  }

  async #runSeed(seed: number): Promise<void> {
    const { from, to, onLine: say, onTrace } = this.#settings;
    this.#seed = seed;
    const plan = planOwn(seed, this.#simulation, this.#settings);
    const result = await runOwn(this.#simulation, plan, onTrace);
    const summary = summaryOf(result);
    this.#totals.add(summary);
    this.#runs.push({ seed, hash: result.hash });
    if (onTrace !== undefined) say(`seed ${seed}: ${result.hash}`);
    if (result.violation !== undefined) this.#found(result, summary);
    const violations = counted(this.#violations.length, 'violation');
    if (seed === to) return;
    this.#progress(`${this.#totals.seeds} of ${counted(to - from + 1, 'seed')}, ${violations}`);
  }

  #found(result: RunResult, summary: SeedSummary): void {
    const { checker = '', message = '', atMs = 0 } = result.violation ?? {};
    const { seed, mode, nodes, hash } = summary;
    const about = MACHINE_RULES.has(checker) ? 'machine' : 'cluster';
    const violation = { seed, mode, nodes, atMs, checker, message, about, hash } as const;
    this.#failing ??= result;
    this.#violations.push(violation);
    if (this.#violations.length > TOLD_MAX) return;
    for (const line of violationLines(violation, this.#settings)) this.#settings.onLine(line);
  }

  async #shrink(failing: RunResult): Promise<void> {
    const { onLine: say } = this.#settings;
    const { seed } = failing.plan;
    this.#seed = seed;
    say(`making seed ${seed} smaller, for ${SHRINK_MS_MAX / 1000} s at most`);
    const tries = new Tries(failing, SHRINK_MS_MAX);
    const shrunk = await shrinkOwn(failing, async (plan, onLine) => {
      this.#checkSignal();
      // The last run, whose lines are wanted, is no try.
      if (onLine !== undefined) return await runOwn(this.#simulation, plan, onLine);
      const result = await tries.run(plan, () => runOwn(this.#simulation, plan));
      this.#progress(`seed ${seed}: ${counted(tries.count, 'run')}, down to ${tries.smallest}`);
      return result;
    });
    if (tries.isOver) say(`${SHRINK_MS_MAX / 1000} s are over: a smaller one may be left`);
    const [first] = this.#violations;
    if (shrunk === undefined || first === undefined) {
      say(
        'it does not take the same way again: the machine or the commands depend on more than the seed',
      );
      return;
    }
    const found = { ...shrunk, tries: tries.count };
    this.#violations[0] = { ...first, shrunk: found };
    for (const line of shrunkLines(found)) say(line);
  }

  /** A line now and then, so that nobody takes patience for a hang. */
  #progress(line: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#toldAtMs < PROGRESS_EVERY_MS) return;
    this.#toldAtMs = nowMs;
    this.#settings.onLine(line);
  }

  #checkSignal(): void {
    const { signal } = this.#settings;
    if (signal?.aborted !== true) return;
    const seeds = counted(this.#totals.seeds, 'seed');
    const message = `interrupted after ${seeds}: ${counted(this.#violations.length, 'violation')} so far`;
    this.#settings.onLine(message);
    const cause = signal.reason;
    throw new ClusterError('ABORTED', message, { cause, retryable: 'yes' });
  }

  #report(): SimulationReport {
    const { simulatedMs, ok, failed, unknown, faults } = this.#totals;
    const { elections, crashes, crashesWithLoss } = this.#totals;
    return {
      isOk: this.#violations.length === 0,
      runs: this.#runs,
      simulatedMs,
      operations: { ok, failed, unknown },
      faults: Object.fromEntries([...faults].sort(([a], [b]) => (a < b ? -1 : 1))),
      elections,
      crashes,
      crashesWithLoss,
      violations: this.#violations,
    };
  }
}

/** Runs of a search for a smaller one, which has its bound of real time. */
class Tries {
  count = 0;
  isOver = false;
  smallest: string;
  readonly #failing: RunResult;
  readonly #endMs: number;

  constructor(failing: RunResult, msMax: number) {
    this.#failing = failing;
    this.#endMs = performance.now() + msMax;
    this.smallest = sizeOf(failing.plan);
  }

  /** Once time is over nothing fails any more: what was found so far is the smallest. */
  async run(plan: RunPlan, go: () => Promise<RunResult>): Promise<RunResult> {
    this.isOver ||= performance.now() > this.#endMs;
    if (this.isOver) return { ...this.#failing, plan, violation: undefined };
    this.count += 1;
    const result = await go();
    if (result.violation?.checker === this.#failing.violation?.checker) {
      this.smallest = sizeOf(plan);
    }
    return result;
  }
}
