/**
 * N-1 to N-20: elections and votes, replication and commit.
 */

import { TERM_AND_VOTE_ARE_ONE, VOTE_IS_DURABLE, VOTE_IS_KEPT } from './n-01-votes-kept.ts';
import { SLOW_VOTES, VOTES_COUNT_ONCE } from './n-04-late-votes.ts';
import { REMOVED_CAMPAIGNS_ON, REMOVED_LEADER } from './n-05-removed.ts';
import { ONE_WAY_LINKS, PRE_VOTE_AND_LEASE, PRE_VOTE_DEADLOCK } from './n-07-pre-vote.ts';
import type { NastyScenario } from './scenario.ts';

export const LIST_1: readonly NastyScenario[] = [
  VOTE_IS_KEPT,
  VOTE_IS_DURABLE,
  TERM_AND_VOTE_ARE_ONE,
  VOTES_COUNT_ONCE,
  REMOVED_CAMPAIGNS_ON,
  REMOVED_LEADER,
  PRE_VOTE_DEADLOCK,
  PRE_VOTE_AND_LEASE,
  ONE_WAY_LINKS,
  SLOW_VOTES,
];
