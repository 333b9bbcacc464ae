/**
 * The memberships that the committed log makes, one after the other, by a reckoning of its own: what a change
 * does to the lists is written here a second time, from the paper (6) and the thesis (4.3), so that a fault in
 * the code's own arithmetic does not hide itself.
 *
 * A change takes effect on a node when that node applies it. So at any moment the leader decides by the
 * newest committed configuration, or by the one before it; never by an older one, since it makes no second
 * change before it has applied the first. Once it has applied what comes behind the newest, by that one only.
 */
import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  type LogIndex,
  type RaftId,
} from '../../src/raft/index.ts';

/** A configuration and the entry that made it. */
export interface ConfigurationAt {
  readonly index: LogIndex;
  readonly state: ConfState;
}

export class Configurations {
  readonly #history: ConfigurationAt[] = [];

  /** The beginning: what the founding snapshot says, or the first one seen. */
  begin(index: LogIndex, state: ConfState): void {
    if (this.#history.length === 0) this.#history.push({ index, state });
  }

  /** A committed change. */
  change(index: LogIndex, change: ConfChangeV2): void {
    const newest = this.newest;
    if (newest !== undefined) this.#history.push({ index, state: changed(newest.state, change) });
  }

  get newest(): ConfigurationAt | undefined {
    return this.#history.at(-1);
  }

  /** Those by which one may decide that has applied so much: one or two, the newest first. */
  inForceFor(appliedIndex: LogIndex): readonly ConfigurationAt[] {
    const isApplied = this.newest !== undefined && appliedIndex >= this.newest.index;
    return this.#history.slice(isApplied ? -1 : -2).reverse();
  }

  /** The one that the log makes up to `index`; `undefined` before the first. */
  at(index: LogIndex): ConfigurationAt | undefined {
    return this.#history.findLast((one) => one.index <= index);
  }
}

/** Whether `isIn` holds for a majority of the voters; in a joint configuration, of each half. */
export function hasMajority(state: ConfState, isIn: (id: RaftId) => boolean): boolean {
  return [state.voters, state.votersOutgoing].every(
    (half) => half.length === 0 || 2 * half.filter(isIn).length > half.length,
  );
}

/** As people read it: `voters 1 2 3, learners 4`. */
export function configurationText(state: ConfState): string {
  const list = (what: string, ids: readonly RaftId[]): string[] =>
    ids.length === 0 ? [] : [`${what} ${ids.join(' ')}`];
  return [
    ...list('voters', state.voters),
    ...list('outgoing voters', state.votersOutgoing),
    ...list('learners', state.learners),
    ...list('next learners', state.learnersNext),
  ].join(', ');
}

function changed(from: ConfState, { transition, changes }: ConfChangeV2): ConfState {
  const isAuto = transition === ConfChangeTransition.Auto;
  if (isAuto && changes.length === 0) return left(from);
  if (isAuto && changes.length === 1) return made(from, changes);
  const autoLeave = transition !== ConfChangeTransition.JointExplicit;
  return { ...made({ ...from, votersOutgoing: from.voters }, changes), autoLeave };
}

/** The outgoing half is gone. */
function left(from: ConfState): ConfState {
  const learners = sorted([...from.learners, ...from.learnersNext]);
  return { voters: from.voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false };
}

function made(from: ConfState, changes: readonly ConfChangeSingle[]): ConfState {
  let { voters, learners, learnersNext } = from;
  for (const { type, nodeId } of changes) {
    if (nodeId === 0 || type === ConfChangeType.UpdateNode) continue;
    const isKnownLearner = learners.includes(nodeId) || learnersNext.includes(nodeId);
    if (type === ConfChangeType.AddLearnerNode && isKnownLearner) continue;
    voters = without(voters, nodeId);
    learners = without(learners, nodeId);
    learnersNext = without(learnersNext, nodeId);
    if (type === ConfChangeType.AddNode) voters = sorted([...voters, nodeId]);
    if (type !== ConfChangeType.AddLearnerNode) continue;
    // An outgoing voter votes until its half is left, and learns from then on.
    if (from.votersOutgoing.includes(nodeId)) learnersNext = sorted([...learnersNext, nodeId]);
    else learners = sorted([...learners, nodeId]);
  }
  return { ...from, voters, learners, learnersNext };
}

function without(ids: readonly RaftId[], id: RaftId): readonly RaftId[] {
  return ids.filter((other) => other !== id);
}

function sorted(ids: readonly RaftId[]): readonly RaftId[] {
  return [...ids].sort((a, b) => a - b);
}
