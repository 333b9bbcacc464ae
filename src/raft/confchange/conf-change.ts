/**
 * The two forms of a membership change, and which of the three ways through the changer one takes.
 */
import { ClusterError } from '../../errors.ts';
import { decodeConfChange, decodeConfChangeV2 } from '../codec/index.ts';
import {
  type ConfChange,
  ConfChangeTransition,
  type ConfChangeV2,
  type Entry,
  EntryType,
} from '../types.ts';
import type { Changer, Membership } from './changer.ts';

/** Whether the change is of the general form. */
export function isConfChangeV2(change: ConfChange | ConfChangeV2): change is ConfChangeV2 {
  return 'changes' in change;
}

/** The general form of either. */
export function toConfChangeV2(change: ConfChange | ConfChangeV2): ConfChangeV2 {
  if (isConfChangeV2(change)) return change;
  return {
    transition: ConfChangeTransition.Auto,
    changes: [{ type: change.type, nodeId: change.nodeId }],
    context: change.context,
  };
}

/** The change in an entry of one of the two types. */
export function decodeConfChangeEntry(entry: Entry): ConfChangeV2 {
  if (entry.type === EntryType.ConfChange) return toConfChangeV2(decodeConfChange(entry.data));
  if (entry.type === EntryType.ConfChangeV2) return decodeConfChangeV2(entry.data);
  throw new ClusterError('CODEC_INVALID', `entry ${entry.index} holds no membership change`, {
    details: { index: entry.index, type: entry.type },
  });
}

/** Without changes and without a wish how to go about it, a change leaves the joint configuration. */
function leavesJoint(change: ConfChangeV2): boolean {
  return change.transition === ConfChangeTransition.Auto && change.changes.length === 0;
}

/** Runs the change by whichever protocol it asks for or needs. */
export function changeMembership(changer: Changer, change: ConfChangeV2): Membership {
  if (leavesJoint(change)) return changer.leaveJoint();
  const { transition, changes } = change;
  if (transition === ConfChangeTransition.Auto && changes.length <= 1) {
    return changer.simple(changes);
  }
  return changer.enterJoint(transition !== ConfChangeTransition.JointExplicit, changes);
}
