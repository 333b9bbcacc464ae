/**
 * Two majorities at once, which is how a membership changes safely (thesis 4.3): while the change is
 * under way, every decision needs a majority of the old members and a majority of the new ones. With
 * an empty second half this is an ordinary majority.
 */
import type { LogIndex, RaftId } from '../types.ts';
import { type AckedIndexes, majorityCommitted, majorityVote, VoteResult } from './majority.ts';

/** What both halves have acknowledged. */
export function jointCommitted(
  incoming: readonly RaftId[],
  outgoing: readonly RaftId[],
  acked: AckedIndexes,
): LogIndex {
  const first = majorityCommitted(incoming, acked);
  if (outgoing.length === 0) return first;
  return Math.min(first, majorityCommitted(outgoing, acked));
}

/** Won when both halves are won, lost as soon as one is lost. */
export function jointVote(
  incoming: readonly RaftId[],
  outgoing: readonly RaftId[],
  votes: ReadonlyMap<RaftId, boolean>,
): VoteResult {
  const first = majorityVote(incoming, votes);
  const second = majorityVote(outgoing, votes);
  if (first === second) return first;
  if (first === VoteResult.Lost || second === VoteResult.Lost) return VoteResult.Lost;
  return VoteResult.Pending;
}
