/**
 * Who leads while nothing is wrong: that there is somebody, as soon as there can be, and that he stays.
 *
 * Two demands on a cluster in which everything is healed:
 * - While a majority of the voters runs without a pause, somebody leads within so many election timeouts.
 *   That others are still being repaired is no excuse: a majority is all that an election needs. A voter
 *   whose disk is stuck, or whose data is lost, does not count as one that runs.
 * - Once all agree on a leader, he leads on. A few more elections are nobody's fault: a message that a fault
 *   had held back (a vote of a higher term, the word to stand for election) may come seconds later. A leader
 *   that changes again and again is one: heartbeats that come too seldom, a follower that can not be content,
 *   a transfer that does not end.
 *
 * It looks every so often on nature's own clock, so that it costs little and is the same in each run.
 */
import { Violation } from '../checkers/checker.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { Tally } from './tally.ts';

export interface LeadershipOptions {
  readonly cluster: SimCluster;
  readonly tally: Tally;
  /** A majority of the voters runs, so there can be a leader. */
  readonly hasMajority: () => boolean;
  /** For so long nobody may lead while there is one. */
  readonly leaderWithinMs: number;
  readonly electionsMax: number;
  readonly found: (violation: Violation) => void;
}

export const LIVENESS = 'progress in quiet times';

const LOOK_MS = 50;

/** Of one quiet phase, from its beginning until `end`. */
export class Leadership {
  readonly #options: LeadershipOptions;
  /** When nobody led and a majority ran, without a pause since. */
  #leaderlessSinceMs: number | undefined;
  /** Elections that there had been when all agreed; until then there may be any number. */
  #electionsBefore: number | undefined;
  #isOver = false;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#look();
  }

  /** All agree on a leader: from here on it counts who is elected. */
  settled(): void {
    this.#electionsBefore = this.#options.tally.elections;
  }

  /** Faults come again, or the run is over. */
  end(): void {
    this.#isOver = true;
  }

  #look(): void {
    if (this.#isOver) return;
    const wrong = this.#leaderless() ?? this.#restless();
    if (wrong !== undefined) {
      this.#isOver = true;
      this.#options.found(new Violation(LIVENESS, wrong));
      return;
    }
    this.#options.cluster.kernel.nature.after(LOOK_MS, () => this.#look());
  }

  #leaderless(): string | undefined {
    const { cluster, hasMajority, leaderWithinMs } = this.#options;
    const hasLeader = cluster.processes.some(
      ({ isStarted, engine }) => isStarted && engine.isLeader,
    );
    if (hasLeader || !hasMajority()) {
      this.#leaderlessSinceMs = undefined;
      return undefined;
    }
    this.#leaderlessSinceMs ??= cluster.nowMs;
    const forMs = cluster.nowMs - this.#leaderlessSinceMs;
    if (forMs <= leaderWithinMs) return undefined;
    const states = cluster.processes.map(({ node, engine, isStarted }) => {
      const { role, term, lastIndex } = engine.status();
      return isStarted ? `${node} ${role} of term ${term}, last ${lastIndex}` : `${node} starts`;
    });
    return (
      `no leader for ${forMs.toFixed(0)} ms (bound: ${leaderWithinMs}) although a majority of the ` +
      `voters runs and all is healed: ${states.join('; ')}`
    );
  }

  #restless(): string | undefined {
    const { tally, electionsMax } = this.#options;
    if (this.#electionsBefore === undefined) return undefined;
    const more = tally.elections - this.#electionsBefore;
    if (more <= electionsMax) return undefined;
    return `${more} more leaders were elected after all had agreed on one; at most ${electionsMax} may be`;
  }
}
