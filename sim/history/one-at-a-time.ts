/**
 * Whether each client of a history did one thing at a time, as its number promises.
 *
 * The rule it protects: what is judged is what happened, once. Two operations of one client that overlap, or
 * a line that stands there twice, come from a recorder that is wrong (a retry written as a second request,
 * two clients under one number, files put together), and no verdict on them would mean anything: an effect
 * counted twice looks like a violation, a lost one like none. An operation whose outcome stays unknown is
 * never over, so its client must go on under another number. One may begin in the very moment in which
 * the one before has ended: clocks are coarse.
 */
import { ClusterError } from '../../src/errors.ts';
import { type HistoryOperation, operationText } from './operation.ts';

interface Placed {
  readonly operation: HistoryOperation;
  /** Its line, from 1. */
  readonly line: number;
}

/** `lineOf`: where the operation of that place (from 0) stood. @throws ClusterError REQUEST_INVALID. */
export function checkOneAtATime(
  history: readonly HistoryOperation[],
  lineOf: (place: number) => number = (place) => place + 1,
): void {
  const clients = new Map<number, Placed[]>();
  for (const [place, operation] of history.entries()) {
    const placed = { operation, line: lineOf(place) };
    const own = clients.get(operation.client);
    if (own === undefined) clients.set(operation.client, [placed]);
    else own.push(placed);
  }
  for (const own of clients.values()) {
    // What took no time goes before what begins in the same moment and lasts.
    own.sort((a, b) => a.operation.call - b.operation.call || endOf(a) - endOf(b));
    for (const [i, next] of own.entries()) {
      const before = own[i - 1];
      if (before !== undefined && next.operation.call < endOf(before)) throw refusal(before, next);
    }
  }
}

function endOf({ operation }: Placed): number {
  return operation.return ?? Number.POSITIVE_INFINITY;
}

function refusal(one: Placed, other: Placed): ClusterError {
  const [first, second] = one.line <= other.line ? [one, other] : [other, one];
  const where = `history line ${second.line}`;
  const details = { line: second.line, first: first.line, client: first.operation.client };
  const text = operationText(first.operation);
  if (text === operationText(second.operation)) {
    const why = `the operation of line ${first.line} once more (${text}): write each one once`;
    return new ClusterError('REQUEST_INVALID', `${where} is ${why}`, { details });
  }
  const why = `${text} of line ${first.line} and ${operationText(second.operation)} overlap`;
  const rule = 'a client does one thing at a time, and after an unknown outcome nothing more';
  return new ClusterError('REQUEST_INVALID', `${where}: ${why}; ${rule}`, { details });
}
