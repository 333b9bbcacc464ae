/**
 * What is wrong with links, disks and messages at this moment, made of all the faults that are on now.
 *
 * Faults overlap: two cuts of one link, a slow disk that fails as well. If each put back what it had
 * found, the first to end would take away what the second one still holds, or leave for ever what the
 * first one had made. So nobody puts anything back: each fault is a function that makes things worse, and
 * whenever one comes or goes everything is calm for no time at all, and those that are left are done again.
 *
 * The rule that it protects: when nothing is on, everything is as it was in the beginning, and a quiet
 * phase is quiet.
 */
import type { SimCluster } from '../cluster/sim-cluster.ts';
import { type DiskConditions, healthyDisk } from '../world/disk-conditions.ts';
import { calmMangling, type ManglerConditions } from '../world/message-mangler.ts';
import type { LinkConditions } from '../world/network-weather.ts';

/** What an effect may make worse. It must never make better what another one has done. */
export interface World {
  /** One direction between two hosts. */
  link(from: string, to: string): LinkConditions;
  disk(machine: string): DiskConditions;
  mangling(machine: string): ManglerConditions;
}

export type Effect = (world: World) => void;

type LinkMemory = Pick<LinkConditions, 'latencyMs' | 'latencyMaxMs'>;

export class Conditions {
  readonly #cluster: SimCluster;
  readonly #effects: Set<Effect> = new Set();
  /** Links that were ever touched, with what is usual on them. */
  readonly #links: Map<string, { readonly link: LinkConditions; readonly usual: LinkMemory }> =
    new Map();
  readonly #world: World;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#world = {
      link: (from, to) => this.#touch(from, to),
      disk: (machine) => cluster.machine(machine).diskConditions,
      mangling: (machine) => cluster.machine(machine).mangling,
    };
  }

  /** Effects that are on. */
  get size(): number {
    return this.#effects.size;
  }

  /** Makes it so from now on; what it gives back ends it, once. */
  add(effect: Effect): () => void {
    this.#effects.add(effect);
    this.#redo();
    return () => {
      if (this.#effects.delete(effect)) this.#redo();
    };
  }

  /** Ends all, also resets that wait for their byte. */
  calm(): void {
    this.#effects.clear();
    this.#redo();
    for (const { link } of this.#links.values()) link.resetAfterBytes = undefined;
  }

  #redo(): void {
    for (const { link, usual } of this.#links.values()) {
      const { latencyMs, latencyMaxMs } = usual;
      Object.assign(link, { isCut: false, extraMs: 0, lossPercent: 0, latencyMs, latencyMaxMs });
      link.bytesPerMs = undefined;
    }
    for (const { diskConditions, mangling } of this.#cluster.machines.values()) {
      Object.assign(diskConditions, healthyDisk());
      Object.assign(mangling, calmMangling());
    }
    for (const effect of this.#effects) effect(this.#world);
    // Wakes whatever waited for the end of a cut.
    this.#cluster.network.setAll({});
  }

  #touch(from: string, to: string): LinkConditions {
    const name = `${from}>${to}`;
    const known = this.#links.get(name);
    if (known !== undefined) return known.link;
    const link = this.#cluster.network.link(from, to);
    const { latencyMs, latencyMaxMs } = link;
    this.#links.set(name, { link, usual: { latencyMs, latencyMaxMs } });
    return link;
  }
}
