/**
 * What a checker is: one invariant, held against everything that happens. A checker knows a node by its
 * events (cluster/events.ts) and by what any user could ask it; it never looks into the code's state.
 *
 * A checker that finds its invariant broken throws a `Violation` from where it is called. The run ends
 * there: what comes after a broken invariant proves nothing.
 */
import type { SimEvent } from '../cluster/events.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { EventLoop } from '../world/event-loop.ts';

export interface Checker {
  /** In a few words, such as `one leader a term`. Names it in reports. */
  readonly name: string;
  /** Called for each event, in the turn in which it happens. */
  event?(event: SimEvent, cluster: SimCluster): void;
  /** Called after each callback of any process, when all promises have settled. To be cheap. */
  step?(loop: EventLoop, cluster: SimCluster): void;
  /** Called once, at the end: the faults are over, everything is healed, started and at rest. */
  end?(cluster: SimCluster): void;
}

/** An invariant that did not hold. */
export class Violation extends Error {
  readonly checker: string;

  constructor(checker: string, message: string) {
    super(message);
    this.name = 'Violation';
    this.checker = checker;
  }
}
