/**
 * What a nasty scenario is: a script, on a cluster of whole nodes, that brings about one certain trouble
 * which broke a real system, and shows what must happen instead. All checkers watch while it runs.
 *
 * A script asserts two things: that the trouble was really there (a script whose trouble never came proves
 * nothing), and that what must happen did.
 */
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SeededRandom } from '../world/seeded-random.ts';

export interface NastyScenario {
  /** As in the list: 11 for N-11. */
  readonly number: number;
  /** In a few words: what goes wrong, and what must happen. */
  readonly title: string;
  /** Machines that found the cluster. Default 3. */
  readonly size?: number;
  /** How the nodes of the cluster are tuned, and what else they are made of. */
  readonly cluster?: Partial<ConstructorParameters<typeof SimCluster>[0]>;
  run(stage: NastyStage): Promise<void>;
}

/** What a script has in hand. The nodes run already, and have a leader. */
export interface NastyStage {
  readonly cluster: SimCluster;
  readonly random: SeededRandom;
  /** A checker has found something: the script need not go on. */
  readonly isOver: boolean;
  /** The trouble was there. Each script says so at least once, or it has shown nothing. */
  trouble(what: string): void;
  /** @throws Violation named after the scenario. */
  expect(isSo: boolean, what: string): void;
}
