/**
 * Runs a user's state machine under the faults of the simulator, seed after seed, and says what came of it:
 * as data, and in lines for people on the way.
 *
 * One run after the other, on this thread: what a user brings are functions, which do not travel.
 */
import { ClusterError } from '../../src/errors.ts';
import { type SeedSummary, summaryOf, Totals } from '../run/report.ts';
import type { RunResult } from '../run/run-plan.ts';
import { checkOptions, checkSimulation, type SimulationSettings } from './check-simulation.ts';
import { counted, shrunkLines, violationLines } from './own-lines.ts';
import { planOwn } from './own-plan.ts';
import { MACHINE_RULES, runOwn } from './own-run.ts';
import { shrinkOwn } from './shrink-own.ts';
import type {
  OwnMachine,
  Simulation,
  SimulationOptions,
  SimulationReport,
  SimulationViolation,
} from './simulation.ts';

/** Seeds between two lines of progress. */
const PROGRESS_SEEDS = 25;
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

  constructor(simulation: Simulation, settings: SimulationSettings) {
    this.#simulation = simulation;
    this.#settings = settings;
  }

  async toEnd(): Promise<SimulationReport> {
    const { from, to, mode, nodes, onLine: say, stopAtFirst, shrink } = this.#settings;
    say(`seeds ${from}..${to}, mode ${mode}${nodes === undefined ? '' : `, ${nodes} nodes`}`);
    const began = performance.now();
    for (let seed = from; seed <= to; seed++) {
      this.#checkSignal();
      await this.#runSeed(seed);
      if (this.#violations.length > 0 && stopAtFirst) break;
    }
    const seconds = (performance.now() - began) / 1000;
    if (this.#failing !== undefined && shrink) await this.#shrink(this.#failing);
    for (const line of this.#totals.lines(seconds)) say(line);
    const found = this.#violations.length;
    say(found === 0 ? 'no violation' : `${counted(found, 'seed')} with a violation`);
    return this.#report();
  }

  async #runSeed(seed: number): Promise<void> {
    const { onLine: say, onTrace } = this.#settings;
    const plan = planOwn(seed, this.#simulation, this.#settings);
    const result = await runOwn(this.#simulation, plan, onTrace);
    const summary = summaryOf(result);
    this.#totals.add(summary);
    this.#runs.push({ seed, hash: result.hash });
    if (onTrace !== undefined) say(`seed ${seed}: ${result.hash}`);
    if (result.violation !== undefined) this.#found(result, summary);
    const { seeds, violations } = this.#totals;
    if (seeds % PROGRESS_SEEDS === 0) say(`${seeds} seeds, ${violations.length} violations`);
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
    say(`making seed ${failing.plan.seed} smaller`);
    const shrunk = await shrinkOwn(failing, async (plan, onLine) => {
      this.#checkSignal();
      return await runOwn(this.#simulation, plan, onLine);
    });
    const [first] = this.#violations;
    if (shrunk === undefined || first === undefined) {
      say(
        'it does not take the same way again: the machine or the commands depend on more than the seed',
      );
      return;
    }
    this.#violations[0] = { ...first, shrunk };
    for (const line of shrunkLines(shrunk)) say(line);
  }

  #checkSignal(): void {
    const { signal } = this.#settings;
    if (signal?.aborted !== true) return;
    throw new ClusterError('ABORTED', 'the simulation was ended by its caller', {
      cause: signal.reason,
      retryable: 'yes',
    });
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
