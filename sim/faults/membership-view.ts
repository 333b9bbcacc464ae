/**
 * Who is in the cluster, as an operator finds out: by asking a node that runs. The one with the highest
 * commit index is believed; while none runs, what was seen last.
 */
import type { Member } from '../../src/consensus/index.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimProcess } from '../cluster/sim-process.ts';

export class MembershipView {
  readonly #cluster: SimCluster;
  #members: readonly Pick<Member, 'nodeId' | 'role' | 'raftId'>[];
  #commitIndex = 0;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#members = cluster.founders.map((nodeId, at) => {
      return { nodeId, raftId: at + 1, role: 'voter' };
    });
  }

  get members(): readonly Pick<Member, 'nodeId' | 'role' | 'raftId'>[] {
    for (const { engine } of started(this.#cluster)) {
      const { commitIndex, members } = engine.status();
      if (commitIndex <= this.#commitIndex || members.length === 0) continue;
      this.#commitIndex = commitIndex;
      this.#members = members;
    }
    return this.#members;
  }

  get voters(): readonly string[] {
    return this.members.flatMap(({ nodeId, role }) => (role === 'voter' ? [nodeId] : []));
  }

  roleOf(name: string): Member['role'] | undefined {
    return this.members.find(({ nodeId }) => nodeId === name)?.role;
  }
}

/** Processes whose node has started. */
export function started(cluster: SimCluster): SimProcess[] {
  return cluster.processes.filter(({ isStarted }) => isStarted);
}
