/**
 * What the scenarios of whole nodes share: nodes over a bus whose transports can be looked at, each
 * with a storage, a machine and a configuration of its own where a scenario wants it; and somebody on
 * the bus who is no node and says what he likes.
 */
import { Bus } from '../../sim/rigs/bus-transport.ts';
import { JournalMachine, until } from '../../sim/rigs/test-cluster.ts';
import { ClusterError } from '../errors.ts';
import type { Message, RaftId } from '../raft/index.ts';
import { MemoryStorage, type Storage } from '../storage/index.ts';
import type { Transport, UnreachableReason } from '../transport/index.ts';
import {
  nullLogger,
  realClock,
  realDisk,
  realNetwork,
  realRandom,
  type World,
} from '../world/index.ts';
import { defaultConfig, type RaftNodeConfig } from './config.ts';
import { RaftNode } from './raft-node.ts';
import type { Invitation, StateMachine } from './types.ts';

/** The code of the error that the promise ends with, or `resolved`. */
export async function codeOf(promise: Promise<unknown> | undefined): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof ClusterError ? error.code : String(error);
  }
  return 'resolved';
}

export interface Made<M extends StateMachine = JournalMachine> {
  readonly node: RaftNode;
  readonly machine: M;
  readonly storage: Storage;
  readonly transport: Transport;
}

export interface MakeOptions<M extends StateMachine> {
  readonly storage?: Storage;
  readonly machine?: M;
  readonly join?: Invitation;
  readonly config?: Partial<RaftNodeConfig>;
}

export class Stage implements AsyncDisposable {
  readonly world: World = {
    clock: realClock(),
    random: realRandom(),
    disk: realDisk(),
    network: realNetwork(),
    logger: nullLogger,
  };
  readonly bus: Bus = new Bus(this.world.clock);
  readonly names: readonly string[];
  readonly #config: Partial<RaftNodeConfig>;
  readonly #made: Made<StateMachine>[] = [];

  constructor(size: number, config: Partial<RaftNodeConfig> = {}) {
    this.names = Array.from({ length: size }, (_, i) => `n${i + 1}`);
    this.#config = config;
  }

  configOf(nodeId: string): RaftNodeConfig {
    const members = this.names.map((name) => ({ nodeId: name, address: `${name}:1` }));
    const cluster = { name: 'test', members };
    const quick = { tickIntervalMs: 10, stopTimeoutMs: 1_000 };
    return { ...defaultConfig(), ...quick, ...this.#config, nodeId, cluster };
  }

  make(nodeId: string, options?: MakeOptions<JournalMachine>): Made;
  make<M extends StateMachine>(nodeId: string, options: MakeOptions<M> & { machine: M }): Made<M>;
  make(nodeId: string, options: MakeOptions<StateMachine> = {}): Made<StateMachine> {
    const { storage = new MemoryStorage(), machine = new JournalMachine(), join } = options;
    const transport = this.bus.transport();
    const config: RaftNodeConfig = {
      ...this.configOf(nodeId),
      ...options.config,
      ...(join === undefined ? {} : { join }),
    };
    const node = new RaftNode(config, { world: this.world, storage, transport, machine });
    const made = { node, machine, storage, transport };
    this.#made.push(made);
    return made;
  }

  async start(nodeId: string, options: MakeOptions<JournalMachine> = {}): Promise<Made> {
    const made = this.make(nodeId, options);
    await made.node.start();
    return made;
  }

  async startAll(): Promise<Made[]> {
    return await Promise.all(this.names.map((name) => this.start(name)));
  }

  /** The process is dead for all others; what is left of it in this one may end when it likes. */
  kill({ node }: Made): void {
    this.bus.leave(node.status().raftId);
    void node.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#made.map(({ node }) => node.stop()));
  }

  // ---- links ------------------------------------------------------------------------------------

  /** Nothing passes between the two, and both are told why. */
  break(one: RaftId, other: RaftId, reason: UnreachableReason): void {
    this.bus.cut(one, other);
    this.bus.cut(other, one);
    this.#tell(one, other, reason);
    this.#tell(other, one, reason);
  }

  /** All cuts end, and those who were cut off are told that they are connected again. */
  reconnect(one: RaftId, others: readonly RaftId[]): void {
    this.bus.heal();
    for (const other of others) {
      this.bus.deliver(other, one, ({ events }) => events.connected(other));
      this.bus.deliver(one, other, ({ events }) => events.connected(one));
    }
  }

  #tell(to: RaftId, about: RaftId, reason: UnreachableReason): void {
    const error = new ClusterError('PEER_REFUSED', `the link to ${about} is down: ${reason}`);
    const { clock } = this.world;
    clock.afterIo(() => this.bus.endpoint(to)?.events.unreachable(about, reason, error));
  }
}

/** Waits until exactly one of the running nodes leads and all of them know it. */
export async function leaderOf(nodes: readonly Made[]): Promise<Made> {
  let found: Made | undefined;
  await until('one leader, known to all', () => {
    const running = nodes.filter(({ node }) => node.phase === 'running');
    const leaders = running.filter(({ node }) => node.isLeader);
    found = leaders[0];
    const name = found?.node.nodeId;
    return leaders.length === 1 && running.every(({ node }) => node.leader?.nodeId === name);
  });
  return found as Made;
}

/** Somebody on the bus who is no node: keeps what is sent to him, sends what he is told to. */
export class Stranger {
  readonly received: Message[] = [];
  readonly #transport: Transport;
  readonly #raftId: RaftId;

  constructor(bus: Bus, raftId: RaftId) {
    this.#transport = bus.transport({ trusted: true });
    this.#raftId = raftId;
  }

  async start(): Promise<void> {
    const refuse = async (): Promise<never> => {
      throw new Error('a stranger takes no bulk');
    };
    const local = {
      clusterName: 'test',
      clusterId: '0'.repeat(32),
      nodeId: `stranger-${this.#raftId}`,
      raftId: this.#raftId,
      incarnation: '0'.repeat(16),
      address: 'nowhere:1',
    };
    await this.#transport.start(local, {
      messages: (_from, messages) => this.received.push(...messages),
      frame: () => undefined,
      connected: () => undefined,
      unreachable: () => undefined,
      bulk: refuse,
      admit: async () => undefined,
    });
  }

  send(to: RaftId, message: Pick<Message, 'type' | 'term'> & Partial<Message>): void {
    this.#transport.addPeer({ raftId: to, nodeId: `peer-${to}`, address: `peer-${to}:1` });
    this.#transport.send({ ...EMPTY, from: this.#raftId, ...message, to });
    this.#transport.flush();
  }

  async stop(): Promise<void> {
    await this.#transport.stop();
  }
}

const EMPTY: Omit<Message, 'type' | 'term' | 'to' | 'from'> = {
  logTerm: 0,
  index: 0,
  entries: [],
  commit: 0,
  vote: 0,
  snapshot: undefined,
  reject: false,
  rejectHint: 0,
  context: new Uint8Array(0),
};
