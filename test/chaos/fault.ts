/** What a fault is to the run: a name, and something to do to the cluster while clients work. */
import type { Seeded } from '../acceptance/seeded.ts';
import type { ChaosCluster } from './chaos-cluster.ts';

export interface Stage {
  readonly cluster: ChaosCluster;
  readonly seeded: Seeded;
  /** Writes large values until there is enough of them; answers how many. */
  ballast(isEnough: () => boolean): Promise<number>;
  /** How long a fault is to last, by chance. */
  holdMs(): number;
}

/** What was to be struck was not there: such a fault is told of, and not counted. */
export interface Missed {
  readonly missed: string;
}

export interface Fault {
  /** As in `--faults`. */
  readonly kind: string;
  /** For people: what it does, in a few words. */
  readonly about: string;
  /** It is part of a quick run. */
  readonly isQuick?: boolean;
  readonly needsSmallDisk?: boolean;
  /**
   * Does it and waits as long as it is to last; answers what was done, to whom, or that nothing was. Links
   * and processes are mended by who calls it; everything else it mends itself.
   */
  run(stage: Stage): Promise<string | Missed>;
}

/** For people. */
export function textOf(done: string | Missed): string {
  return typeof done === 'string' ? done : `nothing was struck (${done.missed})`;
}

/** The leader half of the time, since most goes wrong there. */
export async function leaderOrAny({ cluster, seeded }: Stage): Promise<string> {
  return seeded.below(2) === 0 ? await cluster.leader() : seeded.pick(cluster.ids);
}
