/**
 * Who is in the cluster, as an operator finds out: by asking a node that runs. The one that has
 * applied most is believed; while none runs, what was seen last.
 */
import type { Member } from '../../src/consensus/index.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimProcess } from '../cluster/sim-process.ts';

type KnownMember = Pick<Member, 'nodeId' | 'role' | 'raftId' | 'arriving'>;

export class MembershipView {
  readonly #cluster: SimCluster;
  #members: readonly KnownMember[];
  #appliedIndex = 0;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#members = cluster.founders.map((nodeId, at) => {
      return { nodeId, raftId: at + 1, role: 'voter' };
    });
  }

  get members(): readonly KnownMember[] {
    for (const { engine } of started(this.#cluster)) {
      const { appliedIndex, members } = engine.status();
      if (appliedIndex <= this.#appliedIndex || members.length === 0) continue;
      this.#appliedIndex = appliedIndex;
      this.#members = members;
    }
    return this.#members;
  }

  /** Who may be counted on. */
  get voters(): readonly string[] {
    const relied = this.members.filter(({ role, arriving }) => role === 'voter' && !arriving);
    return relied.map(({ nodeId }) => nodeId);
  }

  roleOf(name: string): Member['role'] | undefined {
    return this.#memberNamed(name)?.role;
  }

  /** It votes, but must not be counted on yet. */
  isArriving(name: string): boolean {
    return this.#memberNamed(name)?.arriving === true;
  }

  #memberNamed(name: string): KnownMember | undefined {
    return this.members.find(({ nodeId }) => nodeId === name);
  }
}

/** Processes whose node has started. */
export function started(cluster: SimCluster): SimProcess[] {
  return cluster.processes.filter(({ isStarted }) => isStarted);
}
