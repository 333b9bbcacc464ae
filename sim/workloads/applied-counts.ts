/**
 * How often each command was applied, and what the machine answered: "exactly once" is a matter of the log,
 * not of what somebody reads afterwards. Commands are told apart by a name that the workload gives them.
 */
import type { CommandResult } from '../../src/consensus/index.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { type AppliedCommand, followApplied } from './applied-log.ts';

export class AppliedCounts {
  readonly #byName: Map<string, AppliedCommand[]> = new Map();

  /** `nameOf`: undefined for commands of no concern. `onApplied` is told each, with all of its name. */
  constructor(
    cluster: SimCluster,
    nameOf: (command: Uint8Array) => string | undefined,
    onApplied: (name: string, all: readonly AppliedCommand[]) => void = () => {},
  ) {
    followApplied(cluster, (applied) => {
      const name = nameOf(applied.command);
      if (name === undefined) return;
      const all = this.#byName.get(name) ?? [];
      all.push(applied);
      this.#byName.set(name, all);
      onApplied(name, all);
    });
  }

  of(name: string): readonly AppliedCommand[] {
    return this.#byName.get(name) ?? [];
  }
}

/** `index 17 at 123.456 ms, index 21 at 130.000 ms`. */
export function tellPlaces(all: readonly AppliedCommand[]): string {
  return all.map(({ index, atMs }) => `index ${index} at ${atMs.toFixed(3)} ms`).join(', ');
}

export function isSameResult(a: CommandResult, b: CommandResult): boolean {
  return a.code === b.code && Buffer.compare(a.bytes, b.bytes) === 0;
}
