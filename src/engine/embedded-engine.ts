/**
 * The engine that needs nothing else: a Raft node in this process, over a disk and a network reached
 * through `world/`. It opens the data folder, makes the transport, and gives both to the node.
 */

import {
  type LeaderChange,
  type Member,
  type NodeStatus,
  type ProposeOptions,
  type ProposeResult,
  RaftNode,
  type RaftNodeConfig,
  type SessionId,
  type StateMachine,
  validateConfig,
  type WaitOptions,
} from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import { openDiskStorage } from '../storage/index.ts';
import { TcpTransport } from '../transport/index.ts';
import type { Address, World } from '../world/index.ts';
import type { Engine, ReadOptions } from './types.ts';

export interface EmbeddedEngineOptions {
  readonly config: RaftNodeConfig;
  /** The node's own folder; made when it does not exist, locked while the engine runs. */
  readonly dataDir: string;
  /** Where peers are listened for. Others dial the address in `config.cluster.members`. */
  readonly listen: Address;
  readonly world: World;
  readonly machine: StateMachine;
}

export class EmbeddedEngine implements Engine {
  readonly #options: EmbeddedEngineOptions;
  #node: RaftNode | undefined;
  #resolveFailed!: (error: Error) => void;
  readonly failed: Promise<Error>;

  /** @throws ClusterError CONFIG_INVALID. */
  constructor(options: EmbeddedEngineOptions) {
    validateConfig(options.config);
    this.#options = options;
    this.failed = new Promise((resolve) => {
      this.#resolveFailed = resolve;
    });
  }

  get nodeId(): string {
    return this.#options.config.nodeId;
  }

  /** @throws ClusterError DATA_DIR_*, DATA_CORRUPT, ADDRESS_IN_USE, ADDRESS_INVALID. */
  async start(): Promise<void> {
    const { config, dataDir, listen, world, machine } = this.#options;
    if (this.#node !== undefined) {
      throw new ClusterError('NODE_STOPPED', 'the engine was started already: make a new one');
    }
    const { disk, clock, random, network, logger } = world;
    const storage = await openDiskStorage({ disk, clock, random, logger, directory: dataDir });
    const transport = new TcpTransport({ network, clock, random, logger, listen });
    const node = new RaftNode(config, { world, storage, transport, machine });
    this.#node = node;
    node.failed.then(this.#resolveFailed, () => undefined);
    await node.start();
  }

  async stop(): Promise<void> {
    await this.#node?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get #started(): RaftNode {
    if (this.#node !== undefined) return this.#node;
    throw new ClusterError('NOT_STARTED', `node ${this.nodeId} was not started: call start()`);
  }

  async propose(command: Uint8Array, options?: ProposeOptions): Promise<ProposeResult> {
    return await this.#started.propose(command, options);
  }

  async readBarrier(options: ReadOptions = {}): Promise<void> {
    if (options.consistency === 'local') return;
    await this.#started.readIndex(options);
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

  get isLeader(): boolean {
    return this.#node?.isLeader ?? false;
  }

  get leader(): Member | undefined {
    return this.#node?.leader;
  }

  leaderChanges(): AsyncIterable<LeaderChange> {
    return this.#started.leaderChanges();
  }

  async transferLeadership(toNodeId: string, options?: WaitOptions): Promise<void> {
    await this.#started.transferLeadership(toNodeId, options);
  }

  async addLearner(nodeId: string, address: string, options?: WaitOptions): Promise<Member> {
    return await this.#started.addLearner(nodeId, address, options);
  }

  async promoteLearner(nodeId: string, options?: WaitOptions): Promise<void> {
    await this.#started.promoteLearner(nodeId, options);
  }

  async removeMember(nodeId: string, options?: WaitOptions): Promise<void> {
    await this.#started.removeMember(nodeId, options);
  }
}
