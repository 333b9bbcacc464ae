/**
 * Runs a user's state machine under the faults of the simulator, seed after seed, and says what came of it:
 * as data, and in lines for people on the way.
 *
 * One run after the other, on this thread: what a user brings are functions, which do not travel. What is told of
 * runs and violations is that of our own ones: run/found-lines.ts, run/shrink-failing.ts.
 * Real time is looked at only between runs: for lines of progress, and to end the search for a smaller run.
 */
import { ClusterError } from '../../src/errors.ts';
import {
  headLine,
  interruptedLine,
  type OperationWords,
  progressLine,
  type SmallestRun,
  TOLD_MAX,
  verdictLine,
  violationLines,
} from '../run/found-lines.ts';
import { nowAndThen } from '../run/now-and-then.ts';
import { replayCommand, summaryOf, Totals } from '../run/report.ts';
import type { RunResult } from '../run/run-plan.ts';
import { shrinkFailing } from '../run/shrink-failing.ts';
import type { PlannedOperation } from '../workloads/index.ts';
import { bytesText } from './bytes-text.ts';
import { checkOptions, checkSimulation, type SimulationSettings } from './check-simulation.ts';
import { planOwn } from './own-plan.ts';
import { MACHINE_RULES, runOwn } from './own-run.ts';
import { guarded } from './run-guard.ts';
import type {
  OwnMachine,
  ShrunkRun,
  Simulation,
  SimulationOptions,
  SimulationReport,
  SimulationViolation,
} from './simulation.ts';

/** Of real time: who waits for a smaller run has the violation already. */
const SHRINK_MS_MAX = 30_000;

const COMMANDS: OperationWords = {
  what: 'command',
  text: (operation) => bytesText(Buffer.from(commandOf(operation), 'hex')),
};

/**
 * Tries a state machine under everything that befalls a cluster: lost, late and repeated messages, cuts,
 * crashes, power failures, failing disks, changes of members, wrong clocks. The same seed gives the same run.
 *
 * Found are results and states that differ between nodes, commands and snapshots that make the machine
 * throw, what `check` throws, and whatever breaks the rules of the cluster itself. A violation is no error:
 * look at `isOk` of the report.
 *
 * @throws ClusterError REQUEST_INVALID, CONFIG_INVALID naming what is wrong with the arguments; ABORTED by
 * `signal`, with `details.report` as far as it is known, and not ok.
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
  readonly #progress: (line: string) => void;

  constructor(simulation: Simulation, settings: SimulationSettings) {
    this.#simulation = simulation;
    this.#settings = settings;
    this.#progress = nowAndThen(settings.onLine);
  }

  async toEnd(): Promise<SimulationReport> {
    const { mode, nodes, onLine: say } = this.#settings;
    say(headLine(this.#settings, mode, nodes));
    const isEnding = (): boolean => this.#settings.signal?.aborted === true;
    await guarded(() => this.#work(), { what: () => `seed ${this.#seed}`, isEnding });
    say(verdictLine(this.#violations.length));
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
    this.#totals.add(summaryOf(result));
    this.#runs.push({ seed, hash: result.hash });
    if (onTrace !== undefined) say(`seed ${seed}: ${result.hash}`);
    if (result.violation !== undefined) this.#found(result);
    if (seed === to) return;
    const { length } = this.#violations;
    this.#progress(progressLine(this.#totals.seeds, to - from + 1, length));
  }

  #found(result: RunResult): void {
    const { checker = '', message = '', atMs = 0 } = result.violation ?? {};
    const { seed, mode, shape } = result.plan;
    const about = MACHINE_RULES.has(checker) ? 'machine' : 'cluster';
    const { hash } = result;
    const nodes = shape.size;
    const violation = { seed, mode, nodes, atMs, checker, message, about, hash } as const;
    this.#failing ??= result;
    this.#violations.push(violation);
    if (this.#violations.length > TOLD_MAX) return;
    const notes =
      about === 'cluster'
        ? ['This is a rule of Quorate itself: please report it, with this seed']
        : [];
    const again = this.#again(seed, mode, nodes);
    const lines = violationLines({ ...violation, where: mode, notes, again });
    for (const line of lines) this.#settings.onLine(line);
  }

  #again(seed: number, mode: string, nodes: number): string {
    const { replayCommand: command } = this.#settings;
    if (command !== undefined) return replayCommand({ seed, mode, nodes }, command);
    const range = `{ from: ${seed}, to: ${seed} }`;
    return `simulate(simulation, { seeds: ${range}, mode: '${mode}', nodes: ${nodes}, onTrace: console.log })`;
  }

  async #shrink(failing: RunResult): Promise<void> {
    this.#seed = failing.plan.seed;
    const smallest = await shrinkFailing(failing, {
      run: async (plan, onLine) => {
        this.#checkSignal();
        return await runOwn(this.#simulation, plan, onLine);
      },
      msMax: SHRINK_MS_MAX,
      words: COMMANDS,
      say: this.#settings.onLine,
      progress: this.#progress,
    });
    const [first] = this.#violations;
    if (smallest === undefined || first === undefined) return;
    this.#violations[0] = { ...first, shrunk: shrunkRunOf(smallest) };
  }

  #checkSignal(): void {
    const { signal } = this.#settings;
    if (signal?.aborted !== true) return;
    const message = interruptedLine(this.#totals.seeds, this.#violations.length);
    this.#settings.onLine(message);
    const cause = signal.reason;
    // What was interrupted has not shown that all is well.
    const report = { ...this.#report(), isOk: false };
    throw new ClusterError('ABORTED', message, { cause, retryable: 'yes', details: { report } });
  }

  #report(): SimulationReport {
    return {
      isOk: this.#violations.length === 0,
      runs: this.#runs,
      ...this.#totals.sums,
      violations: this.#violations,
    };
  }
}

/** As data that can be printed. */
function shrunkRunOf({ plan, message, trace, tries }: SmallestRun): ShrunkRun {
  return {
    nodes: plan.shape.size,
    rounds: plan.rounds.map(({ faultMs, faults }) => ({ faultMs, faults: [...faults] })),
    commands: plan.operations.map((operation) => {
      const { atMs, client } = operation;
      return { atMs, client, command: commandOf(operation) };
    }),
    message,
    trace,
    tries,
  };
}

/** In hexadecimal digits. */
function commandOf({ args: [command = ''] }: PlannedOperation): string {
  return String(command);
}
