/**
 * Nothing is left after a stop: a node that stopped in good order has no timer set and nothing under way in its
 * loop, no file open, no folder locked, no listener, no end of a connection. A program that embeds it would
 * otherwise not end, or not be able to start it again.
 *
 * No tolerance: `stop` resolves when it is done. With one exception, which `stop` promises itself: it waits
 * for the disk no longer than `stopTimeoutMs`, because a sync that hangs can be neither waited out nor
 * taken back. Then the files and locks that it would have closed are open, and the answers that the disk
 * owes come later. So these are excused, and nothing else is, when the disk has owed answers without a
 * pause for the whole of that time: a file that somebody forgot to close is found while the disk owes
 * nothing, and whoever waits for anything but the disk is found with every disk.
 */
import type { Leftovers, SimEvent } from '../cluster/events.ts';
import { type Checker, Violation } from './checker.ts';
import { nameOf } from './cluster-records.ts';

export class NothingLeft implements Checker {
  readonly name = 'nothing left after stop';

  event(event: SimEvent): void {
    if (event.kind !== 'ended' || event.how !== 'stopped' || event.leftovers === undefined) return;
    const { waiting, openFiles, sockets } = withoutWhatHangs(event.leftovers);
    if (waiting + openFiles + sockets === 0) return;
    throw new Violation(
      this.name,
      `${nameOf(event)} stopped in good order and left ${waiting} timers and deliveries, ${openFiles} open ` +
        `files and locks, ${sockets} listeners and connections`,
    );
  }
}

/** What is left that no disk holds back. */
function withoutWhatHangs(left: Leftovers): Pick<Leftovers, 'waiting' | 'openFiles' | 'sockets'> {
  const { waiting, sockets, disk, stopTimeoutMs } = left;
  if (disk.answers === 0 || disk.forMs < stopTimeoutMs) return left;
  return { waiting: Math.max(0, waiting - disk.answers), openFiles: 0, sockets };
}
