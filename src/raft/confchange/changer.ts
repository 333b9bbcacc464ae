/**
 * Membership changes as arithmetic: from a configuration and its progress to the next ones. Nothing
 * is changed in place, so a refused change leaves no trace.
 *
 * The rules (thesis 4.2 and 4.3): one voter may be added or removed at a time directly, because old
 * and new majorities then always overlap; anything more goes through a joint configuration. A voter
 * that is demoted while joint stays a voter of the outgoing half until that is left, and only then
 * becomes a learner (`learnersNext`), since a member must not be both.
 */
import { assert, ClusterError } from '../../errors.ts';
import {
  type Configuration,
  isJoint,
  votingIds,
  withId,
  withoutId,
} from '../tracker/configuration.ts';
import { Progress } from '../tracker/progress.ts';
import type { ProgressMap, ProgressTracker } from '../tracker/progress-tracker.ts';
import { type ConfChangeSingle, ConfChangeType, type LogIndex, type RaftId } from '../types.ts';

/** A configuration and the progress of exactly its members. */
export interface Membership {
  readonly config: Configuration;
  readonly progress: ProgressMap;
}

/** The changer's own copy, on which a change is tried. */
interface Draft {
  config: { -readonly [K in keyof Configuration]: Configuration[K] };
  progress: Map<RaftId, Progress>;
}

/**
 * Tries membership changes on a copy of the tracker's configuration. What is refused throws
 * CONF_CHANGE_INVALID.
 */
export class Changer {
  readonly #tracker: ProgressTracker;
  readonly #lastIndex: LogIndex;

  /** `lastIndex`: the leader's, from where new members are probed. */
  constructor(tracker: ProgressTracker, lastIndex: LogIndex) {
    this.#tracker = tracker;
    this.#lastIndex = lastIndex;
  }

  /** At most one voter differs afterwards; learners as many as you like. */
  simple(changes: readonly ConfChangeSingle[]): Membership {
    const draft = this.#draft();
    if (isJoint(draft.config)) refuse("can't apply simple config change in joint config");
    this.#apply(draft, changes);
    if (countDifferent(this.#tracker.config.voters, draft.config.voters) > 1) {
      refuse('more than one voter changed without entering joint config');
    }
    return checked(draft);
  }

  /** The present voters become the outgoing half, the changes make the incoming one. */
  enterJoint(autoLeave: boolean, changes: readonly ConfChangeSingle[]): Membership {
    const draft = this.#draft();
    if (isJoint(draft.config)) refuse('config is already joint');
    if (draft.config.voters.length === 0) refuse("can't make a zero-voter config joint");
    draft.config.votersOutgoing = draft.config.voters;
    this.#apply(draft, changes);
    draft.config.autoLeave = autoLeave;
    return checked(draft);
  }

  /** The incoming half stands alone from here on. */
  leaveJoint(): Membership {
    const draft = this.#draft();
    const { config, progress } = draft;
    if (!isJoint(config)) refuse("can't leave a non-joint config");
    for (const id of config.learnersNext) {
      config.learners = withId(config.learners, id);
      progress.set(id, progress.get(id)!.withLearner(true));
    }
    config.learnersNext = [];
    for (const id of config.votersOutgoing) {
      if (!config.voters.includes(id) && !config.learners.includes(id)) progress.delete(id);
    }
    config.votersOutgoing = [];
    config.autoLeave = false;
    return checked(draft);
  }

  #draft(): Draft {
    checkInvariants(this.#tracker);
    return { config: { ...this.#tracker.config }, progress: new Map(this.#tracker.progress) };
  }

  #apply(draft: Draft, changes: readonly ConfChangeSingle[]): void {
    for (const { type, nodeId } of changes) {
      // Id 0 is how a proposer's shell voids a change that it decided not to make.
      if (nodeId === 0) continue;
      if (type === ConfChangeType.AddNode) this.#makeVoter(draft, nodeId);
      else if (type === ConfChangeType.AddLearnerNode) this.#makeLearner(draft, nodeId);
      else if (type === ConfChangeType.RemoveNode) remove(draft, nodeId);
      else
        assert(type === ConfChangeType.UpdateNode, 'unknown type of membership change', { type });
    }
    if (draft.config.voters.length === 0) refuse('removed all voters');
  }

  #makeVoter({ config, progress }: Draft, id: RaftId): void {
    const known = progress.get(id);
    progress.set(id, known === undefined ? this.#newProgress(false) : known.withLearner(false));
    config.learners = withoutId(config.learners, id);
    config.learnersNext = withoutId(config.learnersNext, id);
    config.voters = withId(config.voters, id);
  }

  #makeLearner(draft: Draft, id: RaftId): void {
    const { config, progress } = draft;
    const known = progress.get(id);
    if (known === undefined) {
      progress.set(id, this.#newProgress(true));
      config.learners = withId(config.learners, id);
      return;
    }
    if (known.isLearner) return;
    remove(draft, id);
    if (config.votersOutgoing.includes(id)) {
      progress.set(id, known);
      config.learnersNext = withId(config.learnersNext, id);
    } else {
      progress.set(id, known.withLearner(true));
      config.learners = withId(config.learners, id);
    }
  }

  #newProgress(isLearner: boolean): Progress {
    return new Progress({
      match: 0,
      // Probed from the end: most new members get a snapshot anyway, and the hint of the refusal
      // finds the place for the others.
      next: Math.max(this.#lastIndex, 1),
      isLearner,
      // Counted as alive, or a leader could step down at once for members that it just added.
      recentActive: true,
      inflights: this.#tracker.newInflights(),
    });
  }
}

function remove({ config, progress }: Draft, id: RaftId): void {
  if (!progress.has(id)) return;
  config.voters = withoutId(config.voters, id);
  config.learners = withoutId(config.learners, id);
  config.learnersNext = withoutId(config.learnersNext, id);
  // A voter of the outgoing half is still replicated to, until that half is left.
  if (!config.votersOutgoing.includes(id)) progress.delete(id);
}

function refuse(reason: string): never {
  throw new ClusterError('CONF_CHANGE_INVALID', reason);
}

function countDifferent(a: readonly RaftId[], b: readonly RaftId[]): number {
  let count = 0;
  for (const id of a) if (!b.includes(id)) count += 1;
  for (const id of b) if (!a.includes(id)) count += 1;
  return count;
}

function checked(membership: Membership): Membership {
  checkInvariants(membership);
  return membership;
}

/** What every configuration keeps, whichever way it came about. */
function checkInvariants({ config, progress }: Membership): void {
  for (const id of [...votingIds(config), ...config.learners, ...config.learnersNext]) {
    assert(progress.has(id), 'a member has no progress', { id });
  }
  for (const id of config.learnersNext) {
    assert(config.votersOutgoing.includes(id), 'a next learner is no outgoing voter', { id });
    assert(!progress.get(id)!.isLearner, 'a next learner counts as learner already', { id });
  }
  for (const id of config.learners) {
    assert(!config.votersOutgoing.includes(id), 'a learner is an outgoing voter', { id });
    assert(!config.voters.includes(id), 'a learner is a voter', { id });
    assert(progress.get(id)!.isLearner, 'a learner does not count as learner', { id });
  }
  if (isJoint(config)) return;
  assert(config.learnersNext.length === 0, 'next learners outside a joint configuration');
  assert(!config.autoLeave, 'automatic leave outside a joint configuration');
}
