/**
 * Behind the scenes of one cluster's faults: those who start what died, operators, what is wrong with
 * links and disks, what passes. There is one for a cluster and all its rounds: a member that was removed
 * in the first round is still out in the third.
 *
 * Healing goes on until it is done, and looks again at everything that it finds undone: a restart that
 * came between may have undone it. Done means: every machine of the cluster has a node that has started,
 * what was destroyed is replaced, and there are at least as many voters as founded the cluster.
 */
import type { Excuse } from '../cluster/events.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import { Conditions } from './conditions.ts';
import { DataBudget } from './data-budget.ts';
import type { Scene } from './kind.ts';
import { emptied } from './operator-deeds.ts';
import { Operators } from './operators.ts';
import { Passing } from './passing.ts';
import { replace } from './process-faults.ts';
import { isUp } from './restart.ts';
import { Supervisor } from './supervisor.ts';
import { present } from './targets.ts';

const LOOK_MS = 100;
/** A disk that was stuck before all was healed may owe an answer for longer. */
const DISK_ANSWERS_MS = 500;
const HOLDERS = ['fault', 'operator', 'damaged'] as const;
/** A node that was removed hears of it and ends; one that has not by then is stopped. */
const LEAVES_WITHIN_MS = 5_000;

export class Stage {
  readonly #cluster: SimCluster;
  readonly #random: SeededRandom;
  readonly #passing: Passing;
  readonly #conditions: Conditions;
  readonly #supervisor: Supervisor;
  readonly #operators: Operators;
  readonly #budget: DataBudget;
  /** Deeds under way. */
  #deeds = 0;
  #isHealing = false;
  #isHealed = false;
  /** One more for each heal: what an earlier one began ends. */
  #heals = 0;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#random = cluster.random.stream('faults');
    this.#passing = new Passing(cluster.kernel.nature);
    this.#conditions = new Conditions(cluster);
    this.#supervisor = new Supervisor(cluster, this.#random.stream('supervisor'));
    this.#operators = new Operators(cluster, this.#supervisor, this.#random.stream('operators'));
    this.#budget = new DataBudget(this.#operators);
    this.#operators.onDone = (name) => this.#budget.replaced(name);
  }

  /** With chance of its own for whatever goes by that name. `struck`: told when a fault bites late. */
  scene(name: string, struck: () => void = () => undefined): Scene {
    return {
      cluster: this.#cluster,
      random: this.#random.stream(name),
      conditions: this.#conditions,
      passing: this.#passing,
      supervisor: this.#supervisor,
      operators: this.#operators,
      budget: this.#budget,
      begin: (deed) => this.#begin(deed),
      struck,
      excuse: (node, what) => this.#excuse(node, what),
    };
  }

  get pending(): number {
    return this.#deeds + this.#operators.pending;
  }

  get isHealed(): boolean {
    return this.#isHealed && this.pending === 0;
  }

  /** More than half of the voters have started, with their data, on disks that answer. */
  get hasMajority(): boolean {
    const { voters } = this.#operators.view;
    const up = voters.filter((name) => {
      const machine = this.#cluster.machine(name);
      if (!isUp(machine) || this.#budget.lost.includes(name)) return false;
      return (machine.process?.disk.lanes.owesForMs ?? 0) < DISK_ANSWERS_MS;
    });
    return 2 * up.length > voters.length;
  }

  /** Faults strike from now on. */
  open(): void {
    this.#isHealing = false;
    this.#isHealed = false;
    this.#operators.isHealing = false;
    this.#supervisor.healIsOver();
  }

  heal(): void {
    this.#passing.endAll();
    this.#conditions.calm();
    for (const machine of this.#cluster.machines.values()) {
      machine.disk.capacityBytes = Number.POSITIVE_INFINITY;
      this.#cluster.skewWallClock(machine.name, 0);
      machine.process?.loop.unblock();
      machine.process?.loop.dieAfter(Number.POSITIVE_INFINITY, () => undefined);
    }
    for (const name of this.#operators.left) this.#supervisor.hold(name, 'left');
    this.#operators.isHealing = true;
    this.#supervisor.heal();
    this.#isHealing = true;
    this.#isHealed = false;
    this.#heals += 1;
    this.#mend(this.#heals, this.#cluster.nowMs);
  }

  /** Looks at everything again and again, until all is done or faults strike once more. */
  #mend(heal: number, sinceMs: number): void {
    if (!this.#isHealing || this.#heals !== heal) return;
    const scene = this.scene(`heal ${this.#cluster.nowMs}`);
    if (this.#isWhole(scene)) {
      this.#isHealed = true;
      this.#budget.allIsWhole();
      this.#cluster.say('****', 'all is healed');
      return;
    }
    this.#mendData(scene);
    this.#mendProcesses(scene);
    this.#mendMembers(scene, this.#cluster.nowMs - sinceMs);
    this.#cluster.kernel.nature.after(LOOK_MS, () => this.#mend(heal, sinceMs));
  }

  #isWhole(scene: Scene): boolean {
    const { operators, cluster } = scene;
    if (this.pending > 0 || this.#budget.lost.length > 0) return false;
    const machines = present(scene);
    if (!machines.every((machine) => isUp(machine))) return false;
    if (!machines.every(({ name }) => this.#isMember(name))) return false;
    if (operators.voters().length < cluster.founders.length) return false;
    return [...operators.left].every((name) => !this.#isThere(name));
  }

  /** Whether anybody has noticed or not: another member takes the place of one whose data is lost. */
  #mendData(scene: Scene): void {
    for (const name of this.#budget.lost) replace(scene, name);
  }

  #mendProcesses(scene: Scene): void {
    if (this.#deeds > 0) return;
    for (const { name, process } of present(scene)) {
      if (process !== undefined || scene.operators.wishFor(name) !== undefined) continue;
      // Whoever held it has gone.
      for (const holder of HOLDERS) scene.supervisor.release(name, holder);
    }
  }

  #mendMembers(scene: Scene, healingForMs: number): void {
    const { operators, cluster } = scene;
    for (const name of operators.left) {
      if (operators.wishFor(name) !== undefined) continue;
      // Whoever said that it was gone did not know better.
      if (this.#isMember(name)) operators.order(name, 'gone');
      else if (healingForMs > LEAVES_WITHIN_MS && this.#isThere(name)) {
        cluster.say('****', `${name} has not heard that it was removed`);
        void cluster.stop(name);
      }
    }
    if (operators.pending > 0 || this.#deeds > 0) return;
    const stranger = present(scene).find(({ name }) => !this.#isMember(name));
    if (stranger !== undefined) operators.order(emptied(scene, stranger.name), 'voter');
    else this.#growBack(scene);
  }

  #growBack(scene: Scene): void {
    const { operators, cluster } = scene;
    if (operators.voters().length >= cluster.founders.length) return;
    const learner = operators.view.members.find(({ role }) => role === 'learner')?.nodeId;
    const [left] = operators.left;
    if (learner !== undefined) operators.order(learner, 'voter');
    else if (left !== undefined) operators.order(emptied(scene, left), 'voter');
  }

  #isMember(name: string): boolean {
    return this.#operators.view.roleOf(name) !== undefined;
  }

  #isThere(name: string): boolean {
    return this.#cluster.machine(name).process !== undefined || this.#isMember(name);
  }

  #begin(deed: () => Promise<void>): void {
    this.#deeds += 1;
    const done = (): void => {
      this.#deeds -= 1;
    };
    deed().then(done, (error: Error) => {
      this.#cluster.say('****', `operators: ${error.message}`);
      done();
    });
  }

  #excuse(node: string, what: Excuse): void {
    const { lives } = this.#cluster.machine(node);
    this.#cluster.tell({ kind: 'fault', node, life: lives, what });
  }
}
