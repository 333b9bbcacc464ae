/**
 * What the author of an engine brings: clusters, whose state machines are the suite's own, so that it can
 * see what was applied where.
 */
import type { Invitation, StateMachine } from '../../src/consensus/index.ts';
import type { Engine } from '../../src/engine/index.ts';

/** One cluster of its own. The suite asks for a fresh one in each case. */
export interface EngineCluster {
  /** Its founding members. */
  readonly nodeIds: readonly string[];
  /**
   * An engine for that member, not started. Asked for again after the one before was stopped: the
   * node's next life, over what it left behind (ability `restart`).
   */
  engine(nodeId: string, machine: StateMachine): Promise<Engine> | Engine;
  /** Ability `join`. An address at which a node that is none yet can be reached later. */
  address?(nodeId: string): Promise<string> | string;
  /** Ability `join`. An engine for the node that was invited, at that address, not started. */
  invited?(invitation: Invitation, machine: StateMachine): Promise<Engine> | Engine;
  /** Gives back what the cluster took; its engines are stopped. */
  close?(): Promise<void> | void;
}

/** What an engine's clusters can do beyond living once. */
export type EngineAbility = 'restart' | 'join';

/** How the suite gets engines. */
export interface EngineRig {
  /** Cases that need another ability are skipped, and say so. */
  readonly offers: readonly EngineAbility[];
  /** A cluster of so many members, always an odd number. */
  cluster(size: number): Promise<EngineCluster> | EngineCluster;
  /** The longest that anything may take: an election, a stop. Default 15,000 ms of the clock on the wall. */
  readonly patienceMs?: number;
}
