/**
 * A cluster of whole nodes in one simulated world: machines with disks, processes on them, a network
 * between them, and callers outside. Everything that may happen to it is a method here; what decides when
 * it happens (a plan of faults, a scenario) lies above, what watches it (checkers) listens.
 *
 * Addresses: machine `n1` listens on host `n1`, port 7000. A caller's host is any other name; its calls
 * cross the links between its host and the machine, and get lost where those are cut.
 */
import {
  defaultConfig,
  type RaftNodeConfig,
  type StateMachine,
} from '../../src/consensus/index.ts';
import { KvMachine } from '../../src/state/index.ts';
import type { DiskStorageTuning } from '../../src/storage/index.ts';
import type { TransportOptions } from '../../src/transport/index.ts';
import { type LogFields, type Logger, nullLogger } from '../../src/world/index.ts';
import { Kernel } from '../world/kernel.ts';
import { MemoryDisk, type PowerCut } from '../world/memory-disk.ts';
import { MemoryNetwork } from '../world/memory-network.ts';
import { calmMangling, type Mangling, mangle } from '../world/message-mangler.ts';
import { SeededRandom } from '../world/seeded-random.ts';
import { healthyDisk, nothingStruck, SimDisk } from '../world/sim-disk.ts';
import { Trace } from '../world/trace.ts';
import { Caller, type CallOptions } from './caller.ts';
import type { EndOfLife, Leftovers, Listener } from './events.ts';
import { intercept } from './intercept.ts';
import type { SimMachine } from './sim-machine.ts';
import { SimProcess } from './sim-process.ts';

export interface SimClusterOptions {
  readonly seed: number;
  /** How many machines found the cluster. */
  readonly size: number;
  /** What every node is told beyond the defaults. */
  readonly tuning?: Partial<RaftNodeConfig>;
  readonly storage?: DiskStorageTuning;
  readonly transport?: TransportOptions;
  /** One for each process. Default: the key-value machine. */
  readonly machine?: () => StateMachine;
  /** Lines of the nodes' logs and of what befalls them; to be kept only when somebody will read them. */
  readonly onLine?: (line: string) => void;
}

const PORT = 7_000;
const CLUSTER_NAME = 'sim';
/** Small segments: a simulated minute should see several. */
const STORAGE: DiskStorageTuning = { segmentBytes: 32 * 1024, snapshotsKept: 2 };

export class SimCluster {
  readonly seed: number;
  readonly kernel: Kernel = new Kernel();
  readonly network: MemoryNetwork;
  readonly random: SeededRandom;
  readonly trace: Trace = new Trace();
  readonly machines: Map<string, SimMachine> = new Map();
  readonly founders: readonly string[];
  readonly #options: SimClusterOptions;
  readonly #listeners: Set<Listener> = new Set();
  readonly #callers: Map<string, Caller> = new Map();

  constructor(options: SimClusterOptions) {
    this.seed = options.seed;
    this.#options = options;
    this.random = new SeededRandom(options.seed);
    this.network = new MemoryNetwork(this.kernel.nature, {
      random: this.random.stream('network'),
      latencyMs: 0.2,
    });
    this.network.trace = (kind, from, to, bytes, sum) =>
      this.trace.note(`${kind} ${from} ${to}`, this.nowMs, bytes, sum);
    this.founders = Array.from({ length: options.size }, (_, at) => `n${at + 1}`);
    for (const name of this.founders) this.addMachine(name);
  }

  get nowMs(): number {
    return this.kernel.nowMs;
  }

  /** Told everything that happens from now on, see events.ts; what it gives back ends that. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  readonly tell: Listener = (event) => {
    for (const listener of this.#listeners) listener(event);
  };

  /** A line for those who read how a run went. */
  say(who: string, what: string, fields?: LogFields): void {
    const { onLine } = this.#options;
    if (onLine === undefined) return;
    const rest = fields === undefined ? '' : ` ${JSON.stringify(fields)}`;
    onLine(`${this.nowMs.toFixed(3).padStart(11)} ${who.padEnd(4)} ${what}${rest}`);
  }

  // ---- machines and processes -------------------------------------------------------------------

  /** A machine with an empty disk and nothing running. With `join` its node is none of the founders. */
  addMachine(name: string, join?: RaftNodeConfig['join']): SimMachine {
    const machine: SimMachine = {
      name,
      address: `${name}:${PORT}`,
      tuning: this.#options.tuning ?? {},
      storage: { ...STORAGE, ...this.#options.storage },
      join,
      disk: new MemoryDisk(),
      lives: 0,
      process: undefined,
      failure: undefined,
      wallSkewMs: 0,
      diskConditions: healthyDisk(),
      mangling: calmMangling(),
      struck: nothingStruck(),
      mangled: { dropped: 0, duplicated: 0, delayed: 0 },
      intercept: undefined,
    };
    this.machines.set(name, machine);
    return machine;
  }

  /** @throws Error when there is no machine of that name. */
  machine(name: string): SimMachine {
    const machine = this.machines.get(name);
    if (machine === undefined) throw new Error(`there is no machine ${name}`);
    return machine;
  }

  /** The processes that run at this moment. */
  get processes(): SimProcess[] {
    return [...this.machines.values()].flatMap(({ process }) => process ?? []);
  }

  /** Begins a process on a machine that has none. */
  start(name: string): SimProcess {
    const machine = this.machine(name);
    if (machine.process !== undefined) throw new Error(`${name} runs already`);
    machine.lives += 1;
    machine.failure = undefined;
    const life = machine.lives;
    const loop = this.kernel.loop(name);
    loop.wallSkewMs = machine.wallSkewMs;
    const { disk, logger } = { disk: machine.disk, logger: this.#logger(name) };
    const random = this.random.stream(`${name}/${life}`);
    this.network.powerOn(name);
    const simDisk = new SimDisk({
      disk,
      loop,
      random: random.stream('disk'),
      conditions: machine.diskConditions,
      struck: machine.struck,
      trace: (what, first, second) => this.trace.note(`${name} ${what}`, this.nowMs, first, second),
    });
    const process: SimProcess = new SimProcess({
      node: name,
      life,
      loop,
      world: {
        clock: loop,
        random,
        network: this.network.host(name, loop),
        logger,
        disk: simDisk,
      },
      disk: simDisk,
      config: this.#configOf(machine),
      listen: { host: name, port: PORT },
      dataDir: `/data/${name}`,
      storage: machine.storage,
      transport: this.#options.transport ?? {},
      machine: this.#options.machine?.() ?? new KvMachine(),
      mangle: (transport) => {
        const dice = random.stream('mangle');
        const count = (what: Mangling): void => {
          machine.mangled[what] += 1;
        };
        const conditions = machine.mangling;
        const mangled = mangle(transport, { random: dice, loop, conditions, count });
        return intercept(
          mangled,
          () => machine.intercept,
          () => loop.isDead,
        );
      },
      tell: (event) => {
        if (!loop.isDead) this.tell(event);
      },
      onFailed: (error) => this.#end(machine, 'failed', error),
    });
    machine.process = process;
    this.say(name, `-- process ${life} begins`);
    this.tell({ kind: 'began', node: name, life });
    loop.io(0, () => process.start());
    return process;
  }

  /** Begins all founders. */
  startAll(): void {
    for (const name of this.founders) this.start(name);
  }

  /** `kill -9`: the disk's page cache lives on. Nothing happens to a machine without a process. */
  kill(name: string): void {
    this.#end(this.machine(name), 'killed', undefined);
  }

  /** The power fails: what was not synced may be lost, and nobody is told. */
  cutPower(name: string, how: PowerCut = {}): void {
    this.#end(this.machine(name), 'power-cut', undefined, how);
  }

  /**
   * It dies at the `operations`th operation on its door from now on: before or after it, as it falls; and
   * `onDeath` is called, unless it ended before for another reason.
   */
  dieAfter(
    name: string,
    operations: number,
    how: 'killed' | 'power-cut',
    onDeath: () => void = () => undefined,
  ): void {
    const machine = this.machine(name);
    machine.process?.loop.dieAfter(operations, () => {
      this.#end(machine, how, undefined);
      onDeath();
    });
  }

  /**
   * Asks the node to stop in good order; resolves when its process is gone, however that came. A failure
   * meanwhile is told with its end.
   */
  async stop(name: string): Promise<void> {
    const machine = this.machine(name);
    const { process } = machine;
    if (process === undefined || process.isStopping) return;
    this.say(name, '-- asked to stop');
    process.isStopping = true;
    await new Promise<void>((resolve) => {
      const forget = this.listen(({ node, life, kind }) => {
        if (kind !== 'ended' || node !== name || life !== process.life) return;
        forget();
        resolve();
      });
      process.loop.io(0, () => {
        const ended = (error?: Error): void => {
          if (machine.process !== process) return;
          this.#end(machine, 'stopped', error ?? process.failedInStop);
        };
        process.engine.stop().then(
          () => ended(),
          (error: Error) => ended(error),
        );
      });
    });
  }

  /** An empty disk takes the place of the machine's own. Its process must be gone. */
  wipe(name: string): void {
    const machine = this.machine(name);
    if (machine.process !== undefined) throw new Error(`${name} still runs`);
    machine.disk = new MemoryDisk({ capacityBytes: machine.disk.capacityBytes });
    this.say(name, '-- its disk is empty now');
    this.tell({ kind: 'wiped', node: name, life: machine.lives });
  }

  /** The process stands still; time goes on. */
  pause(name: string, ms: number): void {
    this.say(name, `-- stands still for ${ms} ms`);
    this.machine(name).process?.loop.block(ms);
  }

  /** The wall clock of the machine is wrong by so much from now on. */
  skewWallClock(name: string, ms: number): void {
    const machine = this.machine(name);
    machine.wallSkewMs = ms;
    if (machine.process !== undefined) machine.process.loop.wallSkewMs = ms;
  }

  // ---- callers ----------------------------------------------------------------------------------

  /** A process outside of the cluster, which asks nodes for things. One for each name. */
  caller(name: string): Caller {
    let caller = this.#callers.get(name);
    if (caller === undefined) {
      caller = new Caller(name, this.kernel.loop(name), this);
      this.#callers.set(name, caller);
    }
    return caller;
  }

  /** Asks a node, from a host of operators that nothing cuts off. */
  ask<T>(
    name: string,
    work: (process: SimProcess) => Promise<T>,
    options?: CallOptions,
  ): Promise<T> {
    return this.caller('operator').call(name, work, options);
  }

  // ---- time -------------------------------------------------------------------------------------

  run(ms: number): Promise<boolean> {
    return this.kernel.run(this.nowMs + ms);
  }

  /** Runs until `isReached`, at most `withinMs`; answers whether it was. */
  until(isReached: () => boolean, withinMs: number): Promise<boolean> {
    return this.kernel.run(this.nowMs + withinMs, isReached);
  }

  /** Runs until the promise has settled, and gives what it gave. @throws Error when it does not, in time. */
  async settled<T>(promise: Promise<T>, withinMs = 60_000): Promise<T> {
    let isSettled = false;
    const done = (): void => {
      isSettled = true;
    };
    promise.then(done, done);
    const isInTime = await this.until(() => isSettled, withinMs);
    if (!isInTime) throw new Error(`nothing came of it within ${withinMs} ms of simulated time`);
    return await promise;
  }

  /** The machine whose node leads, where all started nodes that run agree on it. */
  get agreedLeader(): string | undefined {
    const running = this.processes.filter(({ isStarted }) => isStarted);
    const leaders = running.filter(({ engine }) => engine.isLeader);
    const [leader] = leaders;
    if (leader === undefined || leaders.length > 1) return undefined;
    const isAgreed = running.every(({ engine }) => engine.leader?.nodeId === leader.node);
    return isAgreed ? leader.node : undefined;
  }

  // ---- inside -----------------------------------------------------------------------------------

  #end(machine: SimMachine, how: EndOfLife, error: Error | undefined, cut?: PowerCut): void {
    const { process, name } = machine;
    if (process === undefined) return;
    const { life, loop } = process;
    const leftovers = how === 'stopped' ? { leftovers: this.#leftovers(process) } : {};
    loop.end();
    machine.process = undefined;
    machine.failure = error;
    let lost = 0;
    if (how === 'power-cut') {
      this.network.powerOff(name);
      const after = machine.disk.crash(this.random.stream(`power ${name}/${life}`), cut);
      const { sectors = 0, sizes = 0, names = 0 } = after.losses ?? {};
      lost = sectors + sizes + names;
      machine.disk = after;
    } else {
      this.network.crash(name);
      machine.disk = machine.disk.kill();
    }
    const why = error === undefined ? '' : `: ${error.message}`;
    this.say(name, `-- process ${life} ${how}${why}`);
    this.trace.note(`${name} ${how}`, this.nowMs, life);
    this.tell({ kind: 'ended', node: name, life, how, error, lost, ...leftovers });
    for (const caller of this.#callers.values()) caller.lost(process, how);
  }

  #leftovers({ node, loop, disk, callsWaiting }: SimProcess): Leftovers {
    const { answers, owesForMs } = disk.lanes;
    return {
      waiting: loop.waiting - callsWaiting,
      openFiles: disk.openFiles + disk.locks,
      sockets: this.network.openEnds(node) + this.network.listeningPorts(node).length,
      disk: { answers, forMs: owesForMs },
      stopTimeoutMs: this.#configOf(this.machine(node)).stopTimeoutMs,
    };
  }

  #configOf(machine: SimMachine): RaftNodeConfig {
    const founders = this.founders.map((name) => this.machine(name));
    const members = founders.map(({ name, address }) => ({ nodeId: name, address }));
    const isFounder = this.founders.includes(machine.name) && machine.join === undefined;
    return {
      ...defaultConfig(),
      ...machine.tuning,
      nodeId: machine.name,
      cluster: { name: CLUSTER_NAME, members: isFounder ? members : [] },
      ...(machine.join === undefined ? {} : { join: machine.join }),
    };
  }

  #logger(name: string): Logger {
    if (this.#options.onLine === undefined) return nullLogger;
    const write =
      (level: string, own: LogFields) =>
      (event: string, fields: LogFields = {}): void =>
        this.say(name, `${level} ${event}`, { ...own, ...fields });
    const make = (own: LogFields): Logger => ({
      debug: write('debug', own),
      info: write('info ', own),
      warn: write('warn ', own),
      error: write('error', own),
      child: (fields) => make({ ...own, ...fields }),
    });
    return make({});
  }
}
