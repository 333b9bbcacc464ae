/**
 * What a workload's clients find out while the run goes on, in callbacks that nobody waits for. The first
 * violation is kept for `check`, and ends the run at once: it is thrown as a callback of nature, so that
 * the trace ends where it was found.
 */
import type { ClusterError } from '../../src/errors.ts';
import { Violation } from '../checkers/checker.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimProcess } from '../cluster/sim-process.ts';

/** Judges a refusal in the turn in which a node gave it; throws a Violation. */
export type RefusalCheck = (error: ClusterError, process: SimProcess) => void;

export class Findings {
  #first: Violation | undefined;
  readonly #cluster: SimCluster;
  readonly #checkRefusal: RefusalCheck | undefined;

  constructor(cluster: SimCluster, checkRefusal?: RefusalCheck) {
    this.#cluster = cluster;
    this.#checkRefusal = checkRefusal;
  }

  /** Each refusal of each node comes through here. */
  refused(error: ClusterError, process: SimProcess): void {
    try {
      this.#checkRefusal?.(error, process);
    } catch (violation) {
      this.#keep(violation as Violation);
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
