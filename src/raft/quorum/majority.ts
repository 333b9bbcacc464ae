/**
 * Majorities, as arithmetic on sorted lists of members' ids. No state, no messages: what a quorum
 * has acknowledged, and whether a vote is decided.
 *
 * The empty majority agrees to everything. It is no configuration that a group can run on; it is the
 * missing half of a joint configuration, and must then not hold the other half back.
 */
import type { LogIndex, RaftId } from '../types.ts';

/** How an election stands. */
export const VoteResult = { Pending: 1, Lost: 2, Won: 3 } as const;
/** One of the values of `VoteResult`. */
export type VoteResult = (typeof VoteResult)[keyof typeof VoteResult];

/** Who has acknowledged what; undefined is "nothing known", which counts as 0. */
export interface AckedIndexes {
  /** The highest index that the member has acknowledged. */
  ackedIndex(id: RaftId): LogIndex | undefined;
}

/** What an empty majority has committed: no limit. */
const COMMITTED_ALL: LogIndex = Number.POSITIVE_INFINITY;

/** Reused between calls (nothing here is re-entrant): allocated once. */
const scratch: number[] = [];

/** The largest index that a majority of `voters` has acknowledged. */
export function majorityCommitted(voters: readonly RaftId[], acked: AckedIndexes): LogIndex {
  const count = voters.length;
  if (count === 0) return COMMITTED_ALL;
  // Insertion sort: groups have a handful of members, and this runs for each acknowledgement.
  for (let i = 0; i < count; i++) {
    const index = acked.ackedIndex(voters[i]!) ?? 0;
    let at = i;
    while (at > 0 && scratch[at - 1]! > index) {
      scratch[at] = scratch[at - 1]!;
      at -= 1;
    }
    scratch[at] = index;
  }
  // Ascending: everybody from the position below upwards has it, and that is a majority.
  return scratch[count - (Math.floor(count / 2) + 1)]!;
}

/** Votes that are missing may still go either way. */
export function majorityVote(
  voters: readonly RaftId[],
  votes: ReadonlyMap<RaftId, boolean>,
): VoteResult {
  if (voters.length === 0) return VoteResult.Won;
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === undefined) missing += 1;
    else if (vote) granted += 1;
  }
  const quorum = Math.floor(voters.length / 2) + 1;
  if (granted >= quorum) return VoteResult.Won;
  return granted + missing >= quorum ? VoteResult.Pending : VoteResult.Lost;
}
