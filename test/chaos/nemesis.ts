/**
 * Does one fault after the other to the cluster, and sees to it that it comes back after each.
 *
 * The kinds come in rounds, each round in another order, so that all of them come equally often. After each
 * everything is mended: links, processes, clocks. Then progress is demanded: every node ready, and a write
 * of the clients acknowledged, within a bound; anything else is a finding. Then a quiet moment, so that
 * faults do not run into each other (the `storm` is for that).
 */
import type { Seeded } from '../acceptance/seeded.ts';
import { pause, until } from '../acceptance/waiting.ts';
import type { ChaosCluster } from './chaos-cluster.ts';
import type { Fault, Stage } from './fault.ts';
import type { FaultWindow } from './gaps.ts';

/** All nodes serve again, and writes go on, so soon after everything was mended and every process runs. */
export const RECOVERY_MS_MAX = 30_000;
/** To start a process and read its data: a matter of the machine, and of what else it does. */
const START_MS_MAX = 60_000;

export interface NemesisOptions {
  readonly cluster: ChaosCluster;
  readonly seeded: Seeded;
  readonly faults: readonly Fault[];
  readonly isQuick: boolean;
  /** When writes were acknowledged; it grows. */
  readonly acknowledgedAt: readonly number[];
  readonly note: (text: string) => void;
  readonly ballast: Stage['ballast'];
}

interface Times {
  readonly holdMsMin: number;
  readonly holdMsMax: number;
  readonly calmMs: number;
}

const FULL: Times = { holdMsMin: 1_000, holdMsMax: 5_000, calmMs: 800 };
const QUICK: Times = { holdMsMin: 600, holdMsMax: 2_000, calmMs: 300 };

export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #times: Times;
  readonly windows: FaultWindow[] = [];

  constructor(options: NemesisOptions) {
    this.#options = options;
    this.#times = options.isQuick ? QUICK : FULL;
  }

  /** Until the time is up; the fault under way is finished. Ends early when the cluster does not come back. */
  async run(forMs: number): Promise<void> {
    const { faults, seeded } = this.#options;
    const end = performance.now() + forMs;
    let round: Fault[] = [];
    while (performance.now() < end) {
      await pause(this.#times.calmMs);
      if (round.length === 0) round = seeded.shuffled(faults);
      const fault = round.shift();
      if (fault === undefined) return;
      if (!(await this.#strike(fault))) return;
    }
  }

  /** False: it did not come back. */
  async #strike(fault: Fault): Promise<boolean> {
    const { cluster, note } = this.#options;
    const beginMs = performance.now();
    let done: string;
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
    this.windows.push({ kind: fault.kind, beginMs, endMs });
    const after = problem === undefined ? `back after ${Math.round(endMs - mendedMs)} ms` : problem;
    note(`${fault.kind}: ${done}; ${after}`);
    if (problem === undefined) return true;
    cluster.findings.push(`after ${fault.kind} (${done}): ${problem}`);
    return false;
  }

  #stage(): Stage {
    const { cluster, seeded, ballast } = this.#options;
    const { holdMsMin, holdMsMax } = this.#times;
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
