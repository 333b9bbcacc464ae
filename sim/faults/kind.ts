/**
 * What a kind of fault is: how it is drawn when a run is planned, and how it strikes when its time has
 * come. What is drawn are words and numbers, so that a plan can be printed and cut down; who is meant by
 * `leader` is seen when it strikes, with chance of the fault's own, so that taking another fault out of the
 * plan does not change this one.
 */
import type { Excuse } from '../cluster/events.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import type { Conditions, Effect } from './conditions.ts';
import type { DataBudget } from './data-budget.ts';
import type { PlannedFault } from './fault.ts';
import type { Operators } from './operators.ts';
import type { Passing } from './passing.ts';
import type { Supervisor } from './supervisor.ts';

export type FaultArgs = PlannedFault['args'];

/** How bad the faults of a plan are. */
export interface Intensity {
  /** 1 to 3: mild, strong, brutal. */
  readonly strength: number;
  /** No fault lasts longer. */
  readonly longestMs: number;
}

/** Everything that a fault may use when it strikes. */
export interface Scene {
  readonly cluster: SimCluster;
  /** Of this fault alone. */
  readonly random: SeededRandom;
  readonly conditions: Conditions;
  readonly passing: Passing;
  readonly supervisor: Supervisor;
  readonly operators: Operators;
  readonly budget: DataBudget;
  /** Deeds that take a while; they are waited for when all is healed. */
  begin(deed: () => Promise<void>): void;
  /** It has come to bite, after a `strike` that could only lay it out. Counts once. */
  struck(): void;
  /** Tells the checkers what a node of this machine may rightly end of from now on. */
  excuse(machine: string, what: Excuse): void;
}

export interface FaultKind {
  readonly name: string;
  /** It destroys data that was durable: see data-budget.ts. */
  readonly destroysData?: true;
  draw(random: SeededRandom, intensity: Intensity): FaultArgs;
  /**
   * False: there was nobody whom it could befall, or it is not allowed now. `later`: it waits for a victim,
   * and calls `scene.struck` when it has hit one.
   */
  strike(scene: Scene, args: FaultArgs): boolean | 'later';
}

/** An argument that is a number. @throws Error when the plan does not have it. */
export function amount(args: FaultArgs, name: string): number {
  const value = args[name];
  if (typeof value !== 'number') throw new Error(`the plan of this fault lacks the number ${name}`);
  return value;
}

/**
 * Makes the world worse for `ms`. With `gauge` it has struck only when what that counts has risen by then:
 * an error that no operation ran into was none.
 */
export function worsen(
  scene: Scene,
  ms: number,
  effect: Effect,
  gauge?: () => number,
): true | 'later' {
  const end = scene.conditions.add(effect);
  scene.passing.for(ms, gauge === undefined ? end : untilRisen(scene, end, gauge));
  return gauge === undefined ? true : 'later';
}

/** `end`, and then: has the gauge risen since now? Ends are called once. */
export function untilRisen(scene: Scene, end: () => void, gauge: () => number): () => void {
  const before = gauge();
  return () => {
    end();
    if (gauge() > before) scene.struck();
  };
}

/** How long a fault lasts: mostly short, now and then as long as may be. */
export function lasting(
  random: SeededRandom,
  { strength, longestMs }: Intensity,
  typicalMs: number,
): number {
  return Math.round(random.heavyTailed(typicalMs * strength, longestMs));
}

/** The leader more often than anybody else. */
export function anybody(random: SeededRandom): string {
  return random.pick(['leader', 'leader', 'follower', 'any']);
}
