/**
 * Brings the planned faults upon a cluster, each at its time, and takes them off it again. A run may do
 * so several times, one stretch of faults after the other: what is behind the scenes (who was removed,
 * who starts what died) belongs to the cluster and goes on.
 */
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { FaultRun, PlannedFault } from './fault.ts';
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
export function beginFaults(cluster: SimCluster, faults: readonly PlannedFault[]): FaultRun {
  const stage = stageOf(cluster);
  const struck = new Map<string, number>();
  stage.open();
  for (const { atMs, kind: name, args } of faults) {
    const kind = kindOf(name);
    cluster.kernel.nature.after(Math.max(0, atMs - cluster.nowMs), () => {
      stage.open();
      const hasStruck = kind.strike(stage.scene(`${name} at ${atMs}`), args);
      cluster.say('****', `${name}${hasStruck ? '' : ': nobody to strike'}`, args);
      if (hasStruck) struck.set(name, (struck.get(name) ?? 0) + 1);
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
  };
}
