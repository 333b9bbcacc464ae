/**
 * From a stored membership (ConfState) back to a configuration: by the same changes that anybody
 * could have proposed, so that no configuration exists that the changer would not allow.
 *
 * A joint configuration is rebuilt by first making its outgoing half, then entering the joint state
 * with everything that makes the incoming one.
 */
import { assert } from '../../errors.ts';
import type { ProgressTracker } from '../tracker/progress-tracker.ts';
import {
  type ConfChangeSingle,
  ConfChangeType,
  type ConfState,
  type LogIndex,
  type RaftId,
} from '../types.ts';
import { Changer } from './changer.ts';

function changesOf(type: ConfChangeType, ids: readonly RaftId[]): ConfChangeSingle[] {
  return ids.map((nodeId) => ({ type, nodeId }));
}

/** Makes `tracker`, which is empty, hold the membership of `state`. */
export function restoreMembership(
  tracker: ProgressTracker,
  state: ConfState,
  lastIndex: LogIndex,
): void {
  assert(tracker.ids.length === 0, 'a membership is restored over another one');
  const incoming = [
    ...changesOf(ConfChangeType.AddNode, state.voters),
    ...changesOf(ConfChangeType.AddLearnerNode, state.learners),
    ...changesOf(ConfChangeType.AddLearnerNode, state.learnersNext),
  ];
  const isJoint = state.votersOutgoing.length > 0;
  const first = isJoint ? changesOf(ConfChangeType.AddNode, state.votersOutgoing) : incoming;
  for (const change of first) {
    const { config, progress } = new Changer(tracker, lastIndex).simple([change]);
    tracker.adopt(config, progress);
  }
  if (!isJoint) return;
  const leaving = changesOf(ConfChangeType.RemoveNode, state.votersOutgoing);
  const changer = new Changer(tracker, lastIndex);
  const { config, progress } = changer.enterJoint(state.autoLeave, [...leaving, ...incoming]);
  tracker.adopt(config, progress);
}
