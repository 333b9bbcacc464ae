/**
 * Operators who change who is in the cluster, as the guide on members tells them to. What is wanted of
 * a machine is an order: to vote, to follow, to be gone. Somebody works on each until it is so, asks any
 * node that runs, and asks again after whatever went wrong; so it does not matter which answer was lost.
 *
 * A machine whose data is lost (`anew`) is taken out first, then emptied, and added as another member:
 * never the other way round, and never started under its old name as if nothing had happened.
 */
import type { Invitation } from '../../src/consensus/index.ts';
import { ClusterError } from '../../src/errors.ts';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { SimMachine } from '../cluster/sim-machine.ts';
import type { SimProcess } from '../cluster/sim-process.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import type { Electorate } from './data-budget.ts';
import { MembershipView, started } from './membership-view.ts';
import type { Supervisor } from './supervisor.ts';

export type Wish = 'voter' | 'learner' | 'gone';
/** Its data is as it was; is lost; is well, but another machine is to take its place. */
export type Data = 'kept' | 'lost' | 'given-up';

interface Order {
  readonly name: string;
  readonly wish: Wish;
  readonly data: Data;
  /** Out first, and back with an empty disk. */
  isAnew: boolean;
  /** It is a member by this order's doing. */
  isIn: boolean;
  /** Looks in a row in which it was no member all the same. */
  timesUnseen: number;
}

const ASK_MS = 4_000;
const CALL_MS = 5_000;
/** The one who knew of it may be down for a moment. */
const UNSEEN_MAX = 10;
const PAUSE_MS = [200, 1_500] as const;
/** When all is healed they hurry. */
const HEALING_PAUSE_MS = [50, 200] as const;
/** Ends by which a node says that its folder is of no more use under its present name. */
const USELESS: ReadonlySet<string> = new Set([
  'DATA_CORRUPT',
  'DATA_DIR_MISMATCH',
  'MEMBER_REMOVED',
  'MEMBER_WIPED',
]);

export class Operators implements Electorate {
  readonly view: MembershipView;
  /** Machines that are out of the cluster and stay out until somebody wants them back. */
  readonly left: Set<string> = new Set();
  /** A machine is gone, or in again with another disk. */
  onDone: (name: string) => void = () => undefined;
  readonly #cluster: SimCluster;
  readonly #supervisor: Supervisor;
  readonly #random: SeededRandom;
  readonly #orders: Map<string, Order> = new Map();
  isHealing = false;

  constructor(cluster: SimCluster, supervisor: Supervisor, random: SeededRandom) {
    this.#cluster = cluster;
    this.#supervisor = supervisor;
    this.#random = random;
    this.view = new MembershipView(cluster);
  }

  /** Orders that are not done. */
  get pending(): number {
    return this.#orders.size;
  }

  voters(): readonly string[] {
    return this.view.voters.filter((name) => !this.left.has(name));
  }

  get isShrinking(): boolean {
    return [...this.#orders.values()].some(
      ({ wish, data }) => wish === 'gone' || data === 'given-up',
    );
  }

  wishFor(name: string): Wish | undefined {
    return this.#orders.get(name)?.wish;
  }

  /** A new order takes the place of an older one for the same machine. */
  order(name: string, wish: Wish, data: Data = 'kept'): void {
    const order: Order = { name, wish, data, isAnew: data !== 'kept', isIn: false, timesUnseen: 0 };
    this.#orders.set(name, order);
    this.#cluster.say('****', `operators: ${name} is to be ${wish}; its data: ${data}`);
    void this.#workOn(order);
  }

  /** For deeds that are no orders: as an operator would ask, on a node that runs. */
  async ask<T>(work: (process: SimProcess) => Promise<T>, notOn?: string): Promise<T> {
    const contact = this.#contact(notOn);
    if (contact === undefined) throw new Error('no node runs that could be asked');
    return await this.#cluster.ask(contact, work, { timeoutMs: CALL_MS });
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#cluster.kernel.nature.after(ms, resolve));
  }

  async #workOn(order: Order): Promise<void> {
    const random = this.#random.stream(`order ${order.name} ${this.#cluster.nowMs}`);
    while (this.#orders.get(order.name) === order) {
      try {
        if (await this.#isDone(order)) break;
      } catch (error) {
        this.#cluster.say('****', `operators: ${order.name}: ${(error as Error).message}`);
        this.#takeNote(order, error);
      }
      const [fromMs, toMs] = this.isHealing ? HEALING_PAUSE_MS : PAUSE_MS;
      await this.sleep(random.between(fromMs, toMs));
    }
    if (this.#orders.get(order.name) !== order) return;
    this.#orders.delete(order.name);
    this.#cluster.say('****', `operators: ${order.name} is ${order.wish}`);
    if (order.wish === 'gone' || order.data === 'lost') this.onDone(order.name);
  }

  /** One step further. */
  async #isDone(order: Order): Promise<boolean> {
    const { name, wish } = order;
    if (wish === 'gone') {
      await this.#takeOut(name);
      this.left.add(name);
      // Nobody may have told its supervisor: then it comes back, and has to find out for itself.
      if (this.isHealing || this.#random.chance(50)) this.#supervisor.hold(name, 'left');
      return true;
    }
    if (order.isAnew) {
      await this.#takeOut(name);
      this.#empty(name);
      order.isAnew = false;
    }
    if (!order.isIn) {
      await this.#letIn(order);
      return false;
    }
    return this.#hasArrived(order);
  }

  async #takeOut(name: string): Promise<void> {
    await this.ask((process) => process.engine.removeNode(name, { timeoutMs: ASK_MS }), name);
  }

  #empty(name: string): void {
    this.#supervisor.hold(name, 'operator');
    this.#cluster.kill(name);
    this.#cluster.wipe(name);
  }

  async #letIn(order: Order): Promise<void> {
    const { name, wish } = order;
    const machine = this.#cluster.machine(name);
    const { address } = machine;
    const options = { timeoutMs: ASK_MS };
    if (this.view.roleOf(name) === 'learner' && wish === 'voter' && this.#isOf(machine)) {
      await this.ask((process) => process.engine.promoteLearner(name, options));
    } else {
      const invite = ({ engine }: SimProcess): Promise<Invitation> =>
        wish === 'voter'
          ? engine.addNode(name, address, options)
          : engine.addLearner(name, address, options);
      machine.join = await this.ask(invite, name);
    }
    order.isIn = true;
    this.left.delete(name);
    for (const holder of ['left', 'damaged', 'operator'] as const) {
      this.#supervisor.release(name, holder);
    }
  }

  /** Its data folder is that of the member that goes by its name. */
  #isOf({ name, join, process, disk }: SimMachine): boolean {
    if (process === undefined && disk.paths().length === 0) return false;
    const member = this.view.members.find(({ nodeId }) => nodeId === name);
    if (typeof join === 'object') return member?.raftId === join.raftId;
    return this.#cluster.founders.includes(name);
  }

  #hasArrived(order: Order): boolean {
    const { name, wish } = order;
    const { process, failure } = this.#cluster.machine(name);
    if (failure instanceof ClusterError && USELESS.has(failure.code)) {
      this.#startOver(order, failure.code);
      return false;
    }
    // As the node that is furthest sees it: another one may not have heard of the change yet.
    const role = this.view.roleOf(name);
    order.timesUnseen = role === undefined ? order.timesUnseen + 1 : 0;
    if (order.timesUnseen > UNSEEN_MAX) this.#startOver(order, 'it is no member');
    return role === wish && !this.view.isArriving(name) && process?.isStarted === true;
  }

  #startOver(order: Order, why: string): void {
    this.#cluster.say('****', `operators: ${order.name} once more from the start: ${why}`);
    order.isIn = false;
    order.isAnew = true;
    order.timesUnseen = 0;
  }

  /** What an error tells about how to go on; else it is just tried again. */
  #takeNote(order: Order, error: unknown): void {
    if (!(error instanceof ClusterError)) return;
    const { name, wish } = order;
    if (error.code === 'MEMBER_EXISTS' && wish !== 'gone') {
      // An earlier order may have let it in, as something else: a learner is promoted in the next step.
      const role = this.view.roleOf(name);
      const isOurs = this.#isOf(this.#cluster.machine(name));
      order.isIn = isOurs && role === wish;
      order.isAnew = !isOurs || (role === 'voter' && wish === 'learner');
    }
    // Of two voters the one that leads is not removed: the other one has to lead first.
    if (error.code === 'CONF_CHANGE_INVALID' && /Hand leadership/.test(error.message)) {
      const heir = this.voters().find((voter) => voter !== name);
      if (heir === undefined) return;
      const handOver = this.ask((process) => process.engine.transferLeadership(heir));
      handOver.catch(() => undefined);
    }
  }

  #contact(notOn: string | undefined): string | undefined {
    const leader = this.#cluster.agreedLeader;
    if (leader !== undefined && leader !== notOn) return leader;
    const running = started(this.#cluster).map(({ node }) => node);
    const others = running.filter((name) => name !== notOn && !this.left.has(name));
    if (others.length > 0) return this.#random.pick(others);
    return running[0];
  }
}
