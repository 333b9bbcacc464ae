/**
 * What a workload's clients find out while the run goes on, in callbacks that nobody waits for. The first
 * violation is kept for `check`, and ends the run at once: it is thrown as a callback of nature, so that
 * the trace ends where it was found.
 */
import type { ClusterError } from '../../src/errors.ts';
import { Violation } from '../checkers/checker.ts';
import { checkRefusal } from '../checkers/refusals.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimProcess } from '../cluster/sim-process.ts';

export class Findings {
  #first: Violation | undefined;
  readonly #cluster: SimCluster;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
  }

  /** Each refusal of each node comes through here, in the turn in which it was given. */
  refused(error: ClusterError, process: SimProcess): void {
    try {
      checkRefusal(error, process);
    } catch (violation) {
      if (violation instanceof Violation) this.#keep(violation);
      else throw violation;
    }
  }

  found(rule: string, message: string): void {
    this.#keep(new Violation(rule, message));
  }

  /** @throws Violation, the first that was found. */
  check(): void {
    if (this.#first !== undefined) throw this.#first;
  }

  #keep(violation: Violation): void {
    if (this.#first !== undefined) return;
    this.#first = violation;
    this.#cluster.kernel.nature.io(0, () => {
      throw violation;
    });
  }
}
