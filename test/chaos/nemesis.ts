/**
 * Does one fault after the other to the cluster, and sees to it that it comes back after each.
 *
 * The kinds come in rounds, each round in another order, so that all of them come equally often. The order has
 * a stream of chance of its own, and so has each fault: how long one took, and how often it drew meanwhile,
 * then changes nothing for the next, and a seed brings the same plan back. After each
 * everything is mended: links, processes, clocks. Then progress is demanded: every node ready, and a write
 * of the clients acknowledged, within a bound; anything else is a finding. Then a quiet moment, so that
 * faults do not run into each other (the `storm` is for that).
 */
import { Seeded } from '../acceptance/seeded.ts';
import { pause, until } from '../waiting.ts';
import type { ChaosCluster } from './chaos-cluster.ts';
import { type Fault, type Missed, type Stage, textOf } from './fault.ts';
import type { FaultWindow } from './gaps.ts';

/** All nodes serve again, and writes go on, so soon after everything was mended and every process runs. */
const RECOVERY_MS_MAX = 30_000;
/** From the seed of one fault to that of the next. */
const SEED_STRIDE = 1_000_003;
/** To start a process and read its data: a matter of the machine, and of what else it does. */
const START_MS_MAX = 60_000;

export interface NemesisOptions {
  readonly cluster: ChaosCluster;
  readonly seed: number;
  readonly faults: readonly Fault[];
  readonly times: NemesisTimes;
  /** When writes were acknowledged; it grows. */
  readonly acknowledgedAt: readonly number[];
  readonly note: (text: string) => void;
  readonly ballast: Stage['ballast'];
}

export interface NemesisTimes {
  /** How long a fault lasts, at least and at most. */
  readonly holdMsMin: number;
  readonly holdMsMax: number;
  /** Between one fault and the next. */
  readonly calmMs: number;
}

export const FULL_TIMES: NemesisTimes = { holdMsMin: 1_000, holdMsMax: 5_000, calmMs: 800 };
export const QUICK_TIMES: NemesisTimes = { holdMsMin: 600, holdMsMax: 2_000, calmMs: 300 };

export class Nemesis {
  readonly #options: NemesisOptions;
  /** Of the faults that struck something. */
  readonly windows: FaultWindow[] = [];
  /** Faults so far, whether they struck or not: each has a stream of chance of its own. */
  #begun = 0;

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** Until the time is up; the fault under way is finished. Ends early when the cluster does not come back. */
  async run(forMs: number): Promise<void> {
    const { faults, seed, times } = this.#options;
    const order = new Seeded(seed);
    const end = performance.now() + forMs;
    let round: Fault[] = [];
    while (performance.now() < end) {
      await pause(times.calmMs);
      if (round.length === 0) round = order.shuffled(faults);
      const fault = round.shift();
      if (fault === undefined) return;
      if (!(await this.#strike(fault))) return;
    }
  }

  /** False: it did not come back. */
  async #strike(fault: Fault): Promise<boolean> {
    const { cluster, note } = this.#options;
    const beginMs = performance.now();
    this.#begun++;
    let done: string | Missed;
    try {
      done = await fault.run(this.#stage());
    } catch (error) {
      done = 'not as it should';
      const text = error instanceof Error ? error.message : String(error);
      cluster.findings.push(`${fault.kind} could not be done: ${text}`);
    }
    const mendedMs = performance.now();
    const problem = await this.#mend();
    const endMs = performance.now();
    if (typeof done === 'string') this.windows.push({ kind: fault.kind, beginMs, endMs });
    const after = problem === undefined ? `back after ${Math.round(endMs - mendedMs)} ms` : problem;
    note(`${fault.kind}: ${textOf(done)}; ${after}`);
    if (problem === undefined) return true;
    cluster.findings.push(`after ${fault.kind} (${textOf(done)}): ${problem}`);
    return false;
  }

  #stage(): Stage {
    const { cluster, seed, ballast, times } = this.#options;
    const { holdMsMin, holdMsMax } = times;
    const seeded = new Seeded(seed + this.#begun * SEED_STRIDE);
    return { cluster, seeded, ballast, holdMs: () => seeded.between(holdMsMin, holdMsMax) };
  }

  async #mend(): Promise<string | undefined> {
    const { cluster, acknowledgedAt } = this.#options;
    try {
      await cluster.links.heal();
      await cluster.revive();
      const before = acknowledgedAt.length;
      await until('all nodes to answer', START_MS_MAX, async () => {
        const down = cluster.ids.find((id) => !cluster.isRunning(id));
        if (down !== undefined) throw new Error(`${down} has ended`);
        return (await cluster.reports()).every((one) => one !== undefined);
      });
      await until('all nodes to be ready', RECOVERY_MS_MAX, () => cluster.areReady());
      await until('a write', RECOVERY_MS_MAX, () => acknowledgedAt.length > before);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}
