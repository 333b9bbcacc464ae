/**
 * Nothing is left after a stop: a node that stopped in good order has no timer set and nothing under way in its
 * loop, no file open, no folder locked, no listener, no end of a connection. A program that embeds it would
 * otherwise not end, or not be able to start it again.
 *
 * No tolerance: `stop` resolves when it is done.
 */
import type { SimEvent } from '../cluster/events.ts';
import { type Checker, Violation } from './checker.ts';
import { nameOf } from './cluster-records.ts';

export class NothingLeft implements Checker {
  readonly name = 'nothing left after stop';

  event(event: SimEvent): void {
    if (event.kind !== 'ended' || event.how !== 'stopped' || event.leftovers === undefined) return;
    const { waiting, openFiles, sockets } = event.leftovers;
    if (waiting + openFiles + sockets === 0) return;
    throw new Violation(
      this.name,
      `${nameOf(event)} stopped in good order and left ${waiting} timers and deliveries, ${openFiles} open ` +
        `files and locks, ${sockets} listeners and connections`,
    );
  }
}
