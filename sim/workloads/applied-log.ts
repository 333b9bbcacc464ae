/**
 * What the cluster really did, command by command: the yardstick for watches, for reads of one node's own
 * state, and for "applied exactly once".
 *
 * It listens to what is applied, and takes each index from the process that applied it first. That all
 * others apply the same is another checker's affair. An index is told by several events where its entry
 * was applied in several runs; they come from one process, in one turn.
 */
import type { CommandResult } from '../../src/consensus/index.ts';
import type { LogIndex } from '../../src/raft/index.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';

export interface AppliedCommand {
  readonly index: LogIndex;
  readonly command: Uint8Array;
  readonly result: CommandResult;
  readonly atMs: number;
}

/** Tells each command once, in the order of the log. */
export function followApplied(cluster: SimCluster, told: (applied: AppliedCommand) => void): void {
  let highest = 0;
  let by = '';
  cluster.listen((event) => {
    if (event.kind !== 'applied') return;
    const { index, node, life, commands, results } = event;
    const who = `${node}/${life}`;
    if (index < highest || (index === highest && who !== by)) return;
    highest = index;
    by = who;
    for (const [at, command] of commands.entries()) {
      const result = results[at];
      if (result !== undefined) told({ index, command, result, atMs: cluster.nowMs });
    }
  });
}
