/**
 * What may be asked of a storage about snapshots and compaction, judged in one place so that every
 * implementation refuses alike. The rules: a snapshot never goes back (NASTY 35), it never contradicts
 * the log, and the log is never cut beyond what a snapshot covers.
 */
import { assert, ClusterError } from '../errors.ts';
import type { HardState, LogIndex, Snapshot } from '../raft/index.ts';
import { compacted, type LogMemory, type LogPosition, unavailable } from './log-memory.ts';
import type { StoredSnapshot } from './types.ts';

export function checkSave(
  log: LogMemory,
  at: LogPosition,
  newest: StoredSnapshot | undefined,
): void {
  assert(at.index > 0 && at.term > 0, 'a snapshot needs an index and a term', { ...at });
  if (newest !== undefined && at.index <= newest.index) throw outOfDate(at.index, newest.index);
  // Beyond the log it may lie: founding a group, and importing a backup, begin with the snapshot.
  if (at.index > log.lastIndex) return;
  assert(log.matches(at), 'a snapshot must carry the term of the log at its index', {
    index: at.index,
    term: at.term,
  });
}

export function checkInstall(
  snapshot: Snapshot,
  hardState: HardState | undefined,
  newest: StoredSnapshot | undefined,
  log: LogMemory,
): void {
  const { index, term } = snapshot.metadata;
  assert(index > 0 && term > 0, 'a snapshot needs an index and a term', { index, term });
  const current = Math.max(log.base.index, newest?.index ?? 0);
  if (index <= current) throw outOfDate(index, current);
  if (hardState === undefined) return;
  assert(hardState.term >= log.hardState.term, 'the term must never fall', {
    from: log.hardState.term,
    to: hardState.term,
  });
}

export function checkCompaction(
  log: LogMemory,
  index: LogIndex,
  newest: StoredSnapshot | undefined,
): void {
  if (index < log.firstIndex) throw compacted(index, log.firstIndex);
  if (index > log.lastIndex) throw unavailable(index, log.lastIndex);
  const covered = newest?.index ?? 0;
  assert(index <= covered, 'the log must not be cut beyond its newest snapshot', {
    index,
    covered,
  });
}

function outOfDate(index: LogIndex, current: LogIndex): ClusterError {
  return new ClusterError(
    'SNAPSHOT_OUT_OF_DATE',
    `the snapshot at ${index} is older than the current one at ${current}; it was not taken`,
    { details: { index, current } },
  );
}
