/**
 * What the author of an engine brings: clusters, whose state machines are the suite's own, so that it can
 * see what was applied where.
 */
import type { Invitation, StateMachine } from '../../src/consensus/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { checkOffers, checkParts, type PartRule } from '../kit/index.ts';

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

/** Throws CONFIG_INVALID, naming the field. */
export function checkRig(rig: EngineRig): void {
  checkParts('rig', rig, {
    cluster: {
      type: 'function',
      what: 'a function that gives an EngineCluster of so many members',
    },
    patienceMs: { type: 'count', what: 'a whole number of milliseconds', isOptional: true },
  });
  checkOffers(rig.offers, ['restart', 'join']);
}

/** The same for what `cluster` gave. */
export function checkCluster(
  cluster: EngineCluster,
  size: number,
  offers: readonly EngineAbility[],
): void {
  const rules: Record<string, PartRule> = {
    nodeIds: { type: 'names', what: `a list of the names of ${size} members`, count: size },
    engine: { type: 'function', what: 'a function that makes an Engine, not started' },
    close: { type: 'function', what: 'a function, or absent', isOptional: true },
  };
  if (offers.includes('join')) {
    const what = 'a function, as rig.offers lists "join"';
    rules.address = { type: 'function', what };
    rules.invited = { type: 'function', what };
  }
  const name = `rig.cluster(${size})`;
  checkParts(name, cluster, rules);
}
