/**
 * Starts again what has died, after a while, as the supervisor of a real machine would: mostly at once,
 * now and then late. It leaves alone what somebody holds: a fault that wants it down for longer, an
 * operator at work on it, a machine that lost its data or left the cluster.
 *
 * A machine on which a sync failed is rebooted first (data-budget.ts says why): what the disk does not
 * have is gone before a node reads it.
 */
import { ClusterError } from '../../src/errors.ts';
import type { SimEvent } from '../cluster/events.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimMachine } from '../cluster/sim-machine.ts';
import type { PowerCut } from '../world/memory-disk.ts';
import type { SeededRandom } from '../world/seeded-random.ts';

/** Who holds a machine down. */
export type Holder = 'fault' | 'operator' | 'restart' | 'damaged' | 'left';

const SOON_MS = [20, 800] as const;
const LATE_MS = [1_000, 8_000] as const;
const LATE_PERCENT = 25;
/** When all is healed nothing is late. */
const HEALING_MS = [0, 200] as const;

export class Supervisor {
  readonly #cluster: SimCluster;
  readonly #random: SeededRandom;
  readonly #holders: Map<string, Set<Holder>> = new Map();
  /** A sync failed here, and there was no reboot since. */
  readonly #suspect: Set<string> = new Set();
  #isHealing = false;

  constructor(cluster: SimCluster, random: SeededRandom) {
    this.#cluster = cluster;
    this.#random = random;
    cluster.listen((event) => this.#hear(event));
  }

  hold(name: string, holder: Holder): void {
    const holders = this.#holders.get(name);
    if (holders === undefined) this.#holders.set(name, new Set([holder]));
    else holders.add(holder);
  }

  /** It may run again, and is started unless somebody else holds it. */
  release(name: string, holder: Holder): void {
    this.#holders.get(name)?.delete(holder);
    this.startLater(name);
  }

  isHeld(name: string, holder?: Holder): boolean {
    const holders = this.#holders.get(name);
    if (holder !== undefined) return holders?.has(holder) === true;
    return holders !== undefined && holders.size > 0;
  }

  /** A sync of the machine's disk failed: it is not to be trusted before a reboot. */
  suspect(name: string): void {
    this.#suspect.add(name);
  }

  /** The power of the machine fails, whether a process runs on it or not. */
  cutPower(name: string, how: PowerCut = {}): void {
    const machine = this.#cluster.machine(name);
    this.#suspect.delete(name);
    if (machine.process !== undefined) {
      this.#cluster.cutPower(name, how);
      return;
    }
    this.#cluster.network.powerOff(name);
    const { lives } = machine;
    machine.disk = machine.disk.crash(this.#random.stream(`reboot ${name}/${lives}`), how);
    this.#cluster.say(name, '-- loses power while nothing runs on it');
  }

  /** Starts it now, unless it runs. For whoever holds it, too. */
  start(name: string): void {
    if (this.#cluster.machine(name).process !== undefined) return;
    if (this.#suspect.has(name)) this.cutPower(name);
    this.#cluster.start(name);
  }

  /** Quick from now on, and whatever should run is started. */
  heal(): void {
    this.#isHealing = true;
    for (const name of this.#cluster.machines.keys()) this.release(name, 'fault');
  }

  /** Faults come again. */
  healIsOver(): void {
    this.#isHealing = false;
  }

  #hear(event: SimEvent): void {
    if (event.kind !== 'ended') return;
    const { node, how, error } = event;
    if (error instanceof ClusterError && error.code === 'DISK_FAILED') this.#suspect.add(node);
    if (how === 'power-cut') this.#suspect.delete(node);
    if (how === 'stopped') return;
    this.startLater(node);
  }

  /** It is started after a while, unless somebody holds it. */
  startLater(name: string): void {
    const machine = this.#cluster.machine(name);
    if (machine.process !== undefined || this.isHeld(name)) return;
    const { lives } = machine;
    this.#cluster.kernel.nature.after(this.#delayMs(machine), () => {
      // Somebody else has started it, and it may have died once more.
      if (machine.lives === lives && !this.isHeld(name)) this.start(name);
    });
  }

  #delayMs({ name, lives }: SimMachine): number {
    const random = this.#random.stream(`${name}/${lives}`);
    if (this.#isHealing) return random.between(...HEALING_MS);
    return random.chance(LATE_PERCENT) ? random.between(...LATE_MS) : random.between(...SOON_MS);
  }
}
