/**
 * sim/checkers: the invariants, one a file, held against everything that happens in a simulated cluster.
 *
 * `allCheckers()` makes a set for one run; show each every event and every step, in any order. They share one
 * record of what has happened (cluster-records.ts). What an event-listener throws must be caught by whoever
 * calls them: thrown on, it would end in the code that is watched.
 *
 * Two invariants need somebody's help. An end of a process is excused by faults that are told as events
 * (`fault`, see cluster/events.ts). And refusals are seen by clients only: whoever calls a node and gets a
 * ClusterError hands it to `checkRefusal(error, process)`, in the process and in the turn in which it was
 * refused.
 */
import { BoundedQueues } from './bounded-queues.ts';
import type { Checker } from './checker.ts';
import { ClusterRecords } from './cluster-records.ts';
import { CommittedEntries } from './committed-entries.ts';
import { ExplainedEnds } from './explained-ends.ts';
import { LeaderCompleteness } from './leader-completeness.ts';
import { LogMatching } from './log-matching.ts';
import { MembershipChecker } from './membership.ts';
import { NothingLeft } from './nothing-left.ts';
import { OneLeader } from './one-leader.ts';
import { Persistence } from './persistence.ts';
import { Promises } from './promises.ts';
import { StateAgreement } from './state-agreement.ts';
import { StateMachineSafety } from './state-machine-safety.ts';

export { type Checker, Violation } from './checker.ts';
export { checkRefusal } from './refusals.ts';

/** One of each, for one run. */
export function allCheckers(): Checker[] {
  const records = new ClusterRecords();
  return [
    new OneLeader(records),
    new LogMatching(),
    new LeaderCompleteness(records),
    new CommittedEntries(records),
    new StateMachineSafety(records),
    new Persistence(records),
    new Promises(records),
    new MembershipChecker(records),
    new StateAgreement(),
    new ExplainedEnds(records),
    new NothingLeft(),
    new BoundedQueues(records),
  ];
}
