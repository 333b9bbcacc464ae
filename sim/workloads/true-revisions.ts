/**
 * Tells the judge of a history which revisions its unknown writes took, where they took effect.
 *
 * A simulator sees what was applied. Without that, the judge must find out by itself which of the unknown
 * writes explain the revisions that nobody owned up to; with many increments that is a hard problem. What
 * is said here is a hint and nothing more: the judge believes it only if all answers come out of it, and
 * else searches as if it had not been said (sim/history/revision-search.ts). So a node that applies the
 * wrong thing is not excused by our having seen it do so.
 *
 * Writes are recognised by their command. Equal commands of several clients stand in for one another, but
 * none takes effect before it was called: the one called first gets the lowest revision that no answer
 * claims.
 */
import type { HistoryOperation } from '../history/index.ts';
import { wroteByAnswer } from '../history/revision-events.ts';
import type { LoggedChange } from './revision-log.ts';

/** `commands[i]`: what operation i sent, as `commandName` has it. */
export function withTrueRevisions(
  operations: readonly HistoryOperation[],
  commands: readonly (string | undefined)[],
  changes: readonly LoggedChange[],
): HistoryOperation[] {
  const owned = new Set<number>();
  for (const operation of operations) {
    const { ok, revision } = operation;
    if (ok === true && revision !== undefined && wroteByAnswer(operation)) owned.add(revision);
  }
  const unowned = new Map<string, number[]>();
  for (const { revision, command } of changes) {
    if (owned.has(revision)) continue;
    const list = unowned.get(command);
    if (list === undefined) unowned.set(command, [revision]);
    else list.push(revision);
  }
  return operations.map((operation, i) => {
    if (operation.ok !== null) return operation;
    const revision = unowned.get(commands[i] ?? '')?.shift();
    return revision === undefined ? operation : { ...operation, revision };
  });
}
