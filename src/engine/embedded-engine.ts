/**
 * The engine that needs nothing else: a Raft node in this process, over a disk and a network reached
 * through `world/`. It opens the data folder, makes the transport, and gives both to the node.
 */

import {
  type Invitation,
  type LeaderChange,
  type Member,
  type MembersChange,
  type NodeStatus,
  type ProposalListener,
  type ProposeOptions,
  type ProposeResult,
  RaftNode,
  type RaftNodeConfig,
  type ReadOptions,
  type SessionId,
  type StateMachine,
  type WaitOptions,
} from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import { type DiskStorageTuning, openDiskStorage, type Storage } from '../storage/index.ts';
import { TcpTransport, type Transport, type TransportOptions } from '../transport/index.ts';
import type { Address, World } from '../world/index.ts';
import { checkEngineOptions } from './check-options.ts';
import type { Engine } from './types.ts';

/** What the engine is made of. */
export interface EmbeddedEngineOptions {
  readonly config: RaftNodeConfig;
  /** The node's own folder; made when it does not exist, locked while the engine runs. */
  readonly dataDir: string;
  /** Where peers are listened for. Others dial the address in `config.cluster.members`. */
  readonly listen: Address;
  readonly world: World;
  readonly machine: StateMachine;
  /** How many snapshots are kept, how large segments are; what is left out has a default. */
  readonly storage?: DiskStorageTuning;
  /** Time limits between peers, and the bytes a second of a snapshot's transfer; likewise. */
  readonly transport?: TransportOptions;
  /** What is put between the node and its disk and wire. */
  readonly between?: EngineTaps;
}

/**
 * What may stand between a node and its disk and wire: gauges, or the faults of a test. What is given
 * back must keep the whole contract of what it stands for.
 */
export interface EngineTaps {
  /** Called once the data folder is open. */
  readonly storage?: (storage: Storage) => Storage;
  /** Called before the transport starts. */
  readonly transport?: (transport: Transport) => Transport;
}

/**
 * The engine that needs nothing else: a Raft node in this process, its log on disk, its peers over
 * the network of `world`. It lives once.
 */
export class EmbeddedEngine implements Engine {
  readonly #options: EmbeddedEngineOptions;
  #node: RaftNode | undefined;
  #starting: Promise<void> | undefined;
  #isStopped = false;
  #resolveFailed!: (error: Error) => void;
  readonly failed: Promise<Error>;

  /** @throws ClusterError CONFIG_INVALID. */
  constructor(options: EmbeddedEngineOptions) {
    checkEngineOptions(options);
    this.#options = options;
    this.failed = new Promise((resolve) => {
      this.#resolveFailed = resolve;
    });
  }

  /** The name that the configuration gave it. */
  get nodeId(): string {
    return this.#options.config.nodeId;
  }

  /**
   * May be tried again when the data folder could not be opened.
   * @throws ClusterError DATA_DIR_*, DATA_CORRUPT, ADDRESS_IN_USE, ADDRESS_INVALID, NODE_STOPPED.
   */
  async start(): Promise<void> {
    if (this.#starting !== undefined || this.#isStopped) {
      throw new ClusterError('NODE_STOPPED', 'the engine was started already: make a new one');
    }
    this.#starting = this.#start();
    try {
      await this.#starting;
    } catch (error) {
      if (this.#node === undefined) this.#starting = undefined;
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { config, dataDir, listen, world, machine } = this.#options;
    const { disk, clock, random, network, logger } = world;
    const { storage: options = {}, transport: wire = {}, between = {} } = this.#options;
    const folder = { disk, clock, random, logger, directory: dataDir };
    const opened = await openDiskStorage({ ...folder, options });
    let storage: Storage = opened;
    try {
      storage = between.storage?.(opened) ?? opened;
      if (this.#isStopped) {
        throw new ClusterError('NODE_STOPPED', 'the engine was stopped while it was starting');
      }
      const door = { network, clock, random, logger, listen };
      const tcp = new TcpTransport({ ...door, options: wire });
      const transport = between.transport?.(tcp) ?? tcp;
      this.#node = new RaftNode(config, { world, storage, transport, machine });
    } catch (error) {
      await storage.close();
      throw error;
    }
    this.#node.failed.then(this.#resolveFailed, () => undefined);
    await this.#node.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    // Once there is a node it ends its own start.
    if (this.#node === undefined) await this.#starting?.catch(() => undefined);
    await this.#node?.stop();
  }

  /** As `stop`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get #started(): RaftNode {
    if (this.#node !== undefined) return this.#node;
    throw this.#notStarted();
  }

  #notStarted(): ClusterError {
    return new ClusterError('NOT_STARTED', `node ${this.nodeId} was not started: call start()`);
  }

  propose(command: Uint8Array, options?: ProposeOptions): Promise<ProposeResult> {
    const node = this.#node;
    return node === undefined ? Promise.reject(this.#notStarted()) : node.propose(command, options);
  }

  submit(command: Uint8Array, options: ProposeOptions, listener: ProposalListener): void {
    this.#started.submit(command, options, listener);
  }

  async readBarrier(options?: ReadOptions): Promise<void> {
    await this.#started.readBarrier(options);
  }

  async openSession(options?: WaitOptions): Promise<SessionId> {
    return await this.#started.openSession(options);
  }

  async closeSession(session: SessionId, options?: WaitOptions): Promise<void> {
    await this.#started.closeSession(session, options);
  }

  status(): NodeStatus {
    return this.#started.status();
  }

  /** Whether it leads, as far as it knows at this moment. */
  get isLeader(): boolean {
    return this.#node?.isLeader ?? false;
  }

  /** The leader that it follows, itself included; `undefined` while none is known. */
  get leader(): Member | undefined {
    return this.#node?.leader;
  }

  leaderChanges(): AsyncIterable<LeaderChange> {
    return this.#started.leaderChanges();
  }

  async transferLeadership(toNodeId: string, options?: WaitOptions): Promise<void> {
    await this.#started.transferLeadership(toNodeId, options);
  }

  memberChanges(): AsyncIterable<MembersChange> {
    return this.#started.memberChanges();
  }

  async addNode(nodeId: string, address: string, options?: WaitOptions): Promise<Invitation> {
    return await this.#started.addNode(nodeId, address, options);
  }

  async addLearner(nodeId: string, address: string, options?: WaitOptions): Promise<Invitation> {
    return await this.#started.addLearner(nodeId, address, options);
  }

  async promoteLearner(nodeId: string, options?: WaitOptions): Promise<void> {
    await this.#started.promoteLearner(nodeId, options);
  }

  async removeNode(nodeId: string, options?: WaitOptions): Promise<boolean> {
    return await this.#started.removeNode(nodeId, options);
  }
}
