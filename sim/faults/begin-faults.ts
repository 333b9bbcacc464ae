/**
 * Brings the planned faults upon a cluster, each at its time, and takes them off it again. A run may do
 * so several times, one stretch of faults after the other: what is behind the scenes (who was removed,
 * who starts what died) belongs to the cluster and goes on.
 *
 * Counted is what really struck: an error that no operation ran into, a death that never came are none.
 * Spare faults come last, and strike only while fewer than the wanted number have.
 */
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { BeginFaults } from './fault.ts';
import { kindOf } from './kinds.ts';
import { Stage } from './stage.ts';

const STAGES: WeakMap<SimCluster, Stage> = new WeakMap();

function stageOf(cluster: SimCluster): Stage {
  let stage = STAGES.get(cluster);
  if (stage === undefined) {
    stage = new Stage(cluster);
    STAGES.set(cluster, stage);
  }
  return stage;
}

/** @throws Error for a kind of fault that there is not. */
export const beginFaults: BeginFaults = (cluster, faults, atLeast = 0) => {
  const stage = stageOf(cluster);
  const struck = new Map<string, number>();
  stage.open();
  const total = (): number => [...struck.values()].reduce((sum, count) => sum + count, 0);
  for (const { atMs, kind: name, args, isSpare } of faults) {
    const kind = kindOf(name);
    cluster.kernel.nature.after(Math.max(0, atMs - cluster.nowMs), () => {
      if (isSpare === true && total() >= atLeast) return;
      stage.open();
      let isCounted = false;
      const count = (): void => {
        if (isCounted) return;
        isCounted = true;
        struck.set(name, (struck.get(name) ?? 0) + 1);
      };
      const hasStruck = kind.strike(stage.scene(`${name} at ${atMs}`, count), args);
      cluster.say('****', `${name}${hasStruck === false ? ': nobody to strike' : ''}`, args);
      if (hasStruck === true) count();
    });
  }
  return {
    struck,
    get pending(): number {
      return stage.pending;
    },
    heal: () => stage.heal(),
    get isHealed(): boolean {
      return stage.isHealed;
    },
    get hasMajority(): boolean {
      return stage.hasMajority;
    },
  };
};
