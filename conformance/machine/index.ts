/**
 * The contract of `StateMachine` (src/consensus/types.ts) as cases. The node finds out about a machine that
 * is not deterministic only when nodes disagree; here it is found out before there is a cluster.
 *
 * Commands are drawn from the author's own generator with repeatable dice. What the suite can not see:
 * a dependence on what differs between machines and builds (locale, version of Node, iteration order of
 * something foreign), and on randomness that the machine imports by itself.
 */
import type { StateMachine } from '../../src/consensus/index.ts';
import { type ConformanceCase, makeCases } from '../kit/index.ts';
import { applyCases } from './apply-cases.ts';
import { MachineBench } from './bench.ts';
import { checkCases } from './check-cases.ts';
import { checkRig, type StateMachineRig } from './rig.ts';
import { snapshotCases } from './snapshot-cases.ts';

export type { StateMachineRig } from './rig.ts';

/** The cases for a state machine of your own. */
export function stateMachineConformance<Machine extends StateMachine>(
  rig: StateMachineRig<Machine>,
): ConformanceCase[] {
  checkRig(rig);
  const garbageSkip = rig.garbage === undefined ? 'the rig has no `garbage`' : undefined;
  const largeSkip = rig.large === undefined ? 'the rig has no `large`' : undefined;
  const checkSkip = rig.checks === true ? undefined : 'the rig does not say `checks`';
  const suite = {
    name: 'state-machine',
    open: async () => new MachineBench(rig),
    close: async () => {},
  };
  return makeCases(suite, [
    ...applyCases<Machine>(garbageSkip),
    ...checkCases<Machine>(checkSkip, garbageSkip),
    ...snapshotCases<Machine>(largeSkip),
  ]);
}
