/**
 * N-1 to N-20: elections and votes, replication and commit.
 */

import { TERM_AND_VOTE_ARE_ONE, VOTE_IS_DURABLE, VOTE_IS_KEPT } from './n-01-votes-kept.ts';
import { SLOW_VOTES, VOTES_COUNT_ONCE } from './n-04-late-votes.ts';
import { REMOVED_CAMPAIGNS_ON, REMOVED_LEADER } from './n-05-removed.ts';
import { ONE_WAY_LINKS, PRE_VOTE_AND_LEASE, PRE_VOTE_DEADLOCK } from './n-07-pre-vote.ts';
import { FIGURE_EIGHT } from './n-11-figure-eight.ts';
import {
  ACKNOWLEDGED_OUT_OF_ORDER,
  ACKNOWLEDGED_WAS_COMPARED,
  LATE_REFUSAL,
} from './n-12-acknowledgements.ts';
import { LATE_APPEND } from './n-13-late-append.ts';
import { DIVERGENT_TAIL, RIGHT_BEHIND_THE_SNAPSHOT } from './n-16-meeting-point.ts';
import { REPLACED_WHILE_WRITTEN } from './n-18-replaced-while-written.ts';
import { ACKNOWLEDGED_FROM_MEMORY, ALONE } from './n-19-durable-answers.ts';
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
  FIGURE_EIGHT,
  ACKNOWLEDGED_WAS_COMPARED,
  LATE_APPEND,
  LATE_REFUSAL,
  ACKNOWLEDGED_OUT_OF_ORDER,
  DIVERGENT_TAIL,
  RIGHT_BEHIND_THE_SNAPSHOT,
  REPLACED_WHILE_WRITTEN,
  ACKNOWLEDGED_FROM_MEMORY,
  ALONE,
];
