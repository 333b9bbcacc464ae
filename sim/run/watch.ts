/**
 * All eyes on a cluster: the checkers, what no process may do (throw, leave a rejection unhandled), and
 * what is counted. The first violation is kept; whoever drives the run looks for it and ends there.
 */
import { type Checker, Violation } from '../checkers/checker.ts';
import { allCheckers } from '../checkers/index.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { Tally } from './tally.ts';

/** What did not hold. */
export interface FoundViolation {
  readonly checker: string;
  readonly message: string;
  readonly atMs: number;
}

export class Watch {
  readonly tally: Tally = new Tally();
  violation: FoundViolation | undefined;
  readonly #cluster: SimCluster;
  readonly #checkers: readonly Checker[];

  constructor(cluster: SimCluster, checkers: readonly Checker[] = allCheckers()) {
    this.#cluster = cluster;
    this.#checkers = checkers;
    const listeners = checkers.filter((checker) => checker.event !== undefined);
    const steppers = checkers.filter((checker) => checker.step !== undefined);
    cluster.listen((event) => {
      this.tally.event(event);
      // Thrown from here it would end in the code that is watched.
      this.#guard(() => {
        for (const checker of listeners) checker.event?.(event, cluster);
      });
    });
    cluster.kernel.afterEach = (loop) => {
      cluster.trace.note(loop.name, cluster.nowMs);
      this.#guard(() => {
        for (const checker of steppers) checker.step?.(loop, cluster);
      });
    };
    cluster.kernel.onUncaught = (error, loop) => {
      // A judge's verdict, thrown where it was reached.
      if (error instanceof Violation) return this.found(error);
      const where = `in a callback of ${loop.name}`;
      this.found(new Violation('no uncaught exception', `${where}: ${stackOf(error)}`));
    };
    process.on('unhandledRejection', this.#onRejection);
  }

  /** The run is over and at rest: the checkers' last look. */
  atEnd(): void {
    this.#guard(() => {
      for (const checker of this.#checkers) checker.end?.(this.#cluster);
    });
  }

  /** Notes the first; whatever is no violation is a fault of the run itself. */
  found(error: unknown): void {
    if (this.violation !== undefined) return;
    const isViolation = error instanceof Violation;
    const checker = isViolation ? error.checker : 'the run itself';
    const message = isViolation ? error.message : stackOf(error);
    this.violation = { checker, message, atMs: this.#cluster.nowMs };
    this.#cluster.say('!!!!', `${checker}: ${message}`);
  }

  /** Rejections that nobody handled are told when the real loop comes round; then nobody looks any more. */
  async close(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', this.#onRejection);
    for (const { loop } of this.#cluster.processes) loop.end();
  }

  readonly #onRejection = (reason: unknown): void => {
    this.found(new Violation('no unhandled rejection', stackOf(reason)));
  };

  #guard(look: () => void): void {
    if (this.violation !== undefined) return;
    try {
      look();
    } catch (error) {
      this.found(error);
    }
  }
}

function stackOf(error: unknown): string {
  return String((error as Error | undefined)?.stack ?? error);
}
