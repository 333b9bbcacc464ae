/** What many runs come to, in lines for people. */

import { counted } from './found-lines.ts';
import type { RunResult } from './run-plan.ts';
import type { RunSums } from './sums.ts';

/** The part of a result that travels between threads and is added up. */
export type SeedSummary = Omit<RunResult, 'plan'> & {
  readonly seed: number;
  readonly mode: string;
  /** Unknown of a seed that could not be planned. */
  readonly workload: string | undefined;
  readonly nodes: number | undefined;
};

export function summaryOf(result: RunResult): SeedSummary {
  const { plan, ...rest } = result;
  const { seed, mode, workload, shape } = plan;
  return { ...rest, seed, mode, workload, nodes: shape.size };
}

/** Sums over seeds. */
export class Totals {
  seeds = 0;
  simulatedMs = 0;
  ok = 0;
  failed = 0;
  unknown = 0;
  elections = 0;
  crashes = 0;
  crashesWithLoss = 0;
  applied = 0;
  /** Least of any seed. */
  least: { simulatedMs: number; operations: number; faults: number } | undefined;
  readonly faults: Map<string, number> = new Map();
  readonly violations: SeedSummary[] = [];

  add(summary: SeedSummary): void {
    const { ok, failed, unknown } = summary.operations;
    this.seeds += 1;
    this.simulatedMs += summary.simulatedMs;
    this.ok += ok;
    this.failed += failed;
    this.unknown += unknown;
    this.elections += summary.elections;
    this.crashes += summary.crashes;
    this.crashesWithLoss += summary.crashesWithLoss;
    this.applied += summary.applied;
    let faults = 0;
    for (const [kind, count] of Object.entries(summary.faults)) {
      this.faults.set(kind, (this.faults.get(kind) ?? 0) + count);
      faults += count;
    }
    if (summary.violation !== undefined) {
      this.violations.push(summary);
      return;
    }
    const operations = ok + failed + unknown;
    this.least = {
      simulatedMs: Math.min(summary.simulatedMs, this.least?.simulatedMs ?? Infinity),
      operations: Math.min(operations, this.least?.operations ?? Infinity),
      faults: Math.min(faults, this.least?.faults ?? Infinity),
    };
  }

  get sums(): RunSums {
    const { simulatedMs, ok, failed, unknown, elections, crashes, crashesWithLoss } = this;
    const faults = Object.fromEntries(this.#faultsByName());
    const operations = { ok, failed, unknown };
    return { simulatedMs, operations, faults, elections, crashes, crashesWithLoss };
  }

  #faultsByName(): [string, number][] {
    return [...this.faults].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** `seconds`: of real time. */
  lines(seconds: number): string[] {
    const simulated = this.simulatedMs / 1000;
    const faults = this.#faultsByName();
    const struck = faults.reduce((sum, [, count]) => sum + count, 0);
    const { least } = this;
    const lines = [
      `${counted(this.seeds, 'seed')}, ${simulated.toFixed(0)} simulated seconds in ${seconds.toFixed(1)} s: ` +
        `${(simulated / seconds).toFixed(0)} times as fast as time`,
      `operations    ${this.ok + this.failed + this.unknown} ` +
        `(${this.ok} ok, ${this.failed} without effect, ${this.unknown} unknown); ` +
        `${counted(this.applied, 'command')} applied, over all nodes`,
      `elections     ${this.elections}`,
      `crashes       ${this.crashes}, of them ${this.crashesWithLoss} lost un-synced writes`,
      `faults        ${struck}`,
      ...faults.map(([kind, count]) => `  ${kind.padEnd(24)} ${count}`),
    ];
    if (least !== undefined) {
      const at = (least.simulatedMs / 1000).toFixed(0);
      lines.push(
        `each seed     >= ${at} s, ${counted(least.operations, 'operation')}, ${counted(least.faults, 'fault')}`,
      );
    }
    return lines;
  }
}

/** How to see it again. */
export function replayCommand(
  run: Pick<SeedSummary, 'seed' | 'mode' | 'nodes'> & { readonly workload?: string | undefined },
  command: string,
): string {
  const { seed, mode, workload, nodes } = run;
  const known = Object.entries({ mode, workload, nodes }).filter(
    ([, value]) => value !== undefined,
  );
  const flags = known.map(([name, value]) => `--${name} ${value}`);
  return [command, `--seeds ${seed}..${seed}`, ...flags, '--trace'].join(' ');
}
