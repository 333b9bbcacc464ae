/**
 * What each node's machine was given, in the lines of a run: `n1 applied 57: "draw"`. A machine's author
 * reads a trace by his commands; terms and votes are our affair.
 */
import type { Checker } from '../checkers/index.ts';
import type { SimEvent } from '../cluster/events.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { bytesText } from './bytes-text.ts';

/** No judge: it stands among the checkers because they see all that happens, in order. */
export class AppliedLines implements Checker {
  readonly name: string = 'lines of what was applied';

  event(event: SimEvent, cluster: SimCluster): void {
    if (event.kind !== 'applied') return;
    for (const command of event.commands) {
      cluster.say(event.node, `applied ${event.index}: ${bytesText(command)}`);
    }
  }
}
