/**
 * A membership as the core works with it: sorted lists, never changed in place. Who changes it makes
 * a new one, so a configuration that was handed out stays what it was.
 */
import type { ConfState, RaftId } from '../types.ts';

/** A membership. Lists are sorted ascending and never changed in place. */
export interface Configuration {
  /** The voters; while joint, the incoming half. */
  readonly voters: readonly RaftId[];
  /** The outgoing half while joint, else empty. */
  readonly votersOutgoing: readonly RaftId[];
  readonly learners: readonly RaftId[];
  /** Voters of the outgoing half that become learners when it is left; they still vote until then. */
  readonly learnersNext: readonly RaftId[];
  readonly autoLeave: boolean;
}

/** A membership of nobody. */
export const EMPTY_CONFIGURATION: Configuration = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

export function isJoint(config: Configuration): boolean {
  return config.votersOutgoing.length > 0;
}

/** Every id that votes in either half, ascending. */
export function votingIds(config: Configuration): readonly RaftId[] {
  if (!isJoint(config)) return config.voters;
  const ids = new Set([...config.voters, ...config.votersOutgoing]);
  return [...ids].sort((a, b) => a - b);
}

export function isVoter(config: Configuration, id: RaftId): boolean {
  return config.voters.includes(id) || config.votersOutgoing.includes(id);
}

/** The sorted list with `id` in it. */
export function withId(ids: readonly RaftId[], id: RaftId): readonly RaftId[] {
  if (ids.includes(id)) return ids;
  return [...ids, id].sort((a, b) => a - b);
}

/** The sorted list without `id`. */
export function withoutId(ids: readonly RaftId[], id: RaftId): readonly RaftId[] {
  return ids.includes(id) ? ids.filter((other) => other !== id) : ids;
}

export function toConfState(config: Configuration): ConfState {
  const { voters, learners, votersOutgoing, learnersNext, autoLeave } = config;
  return { voters, learners, votersOutgoing, learnersNext, autoLeave };
}
