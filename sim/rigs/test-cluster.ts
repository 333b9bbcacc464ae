/**
 * A small cluster of whole nodes in one process, over a bus and storages in memory, for tests. Time is
 * real but ticks are short; nothing in here sleeps, conditions are waited for with `until`.
 */
import {
  type CommandResult,
  defaultConfig,
  type Invitation,
  RaftNode,
  type RaftNodeConfig,
  type StateMachine,
} from '../../src/consensus/index.ts';
import { MemoryStorage, type SnapshotSection, type Storage } from '../../src/storage/index.ts';
import type { Logger, World } from '../../src/world/index.ts';
import { nullLogger, realClock, realDisk, realNetwork, realRandom } from '../../src/world/index.ts';
import { until as waitUntil } from '../../test/waiting.ts';
import { Bus } from './bus-transport.ts';

/** Far more than any of it takes, on a machine that is shared, too. */
const UNTIL_MS = 60_000;
const POLL_MS = 2;

/** Waits for a condition, looking often: the ticks are short. @throws Error that says for what it waited. */
export function until(what: string, condition: () => boolean): Promise<boolean> {
  return waitUntil(what, UNTIL_MS, condition, POLL_MS);
}

/** Keeps every command; answers the number of commands so far; rejects those that begin with `!`. */
export class JournalMachine implements StateMachine {
  journal: string[] = [];

  applyBatch(commands: readonly Uint8Array[]): readonly CommandResult[] {
    return commands.map((command) => {
      const text = Buffer.from(command).toString('utf8');
      if (text === 'bug') throw new Error('a bug in the state machine');
      if (text.startsWith('!')) return { code: 7, bytes: Buffer.from(`refused ${text}`) };
      this.journal.push(text);
      return { code: 0, bytes: Buffer.from(String(this.journal.length)) };
    });
  }

  snapshot(): readonly SnapshotSection[] {
    const text = JSON.stringify(this.journal);
    return [{ name: 'app.journal', chunks: [Buffer.from(text)] }];
  }

  async restore(reader: {
    section(name: string): AsyncIterable<Uint8Array> | undefined;
  }): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of reader.section('app.journal') ?? []) chunks.push(chunk);
    this.journal = JSON.parse(Buffer.concat(chunks).toString('utf8')) as string[];
  }
}

export interface TestNode {
  readonly node: RaftNode;
  readonly machine: JournalMachine;
  readonly storage: Storage;
}

export interface StartOptions {
  readonly machine?: JournalMachine;
  /** For a node that is none of the founding ones. */
  readonly join?: Invitation | (() => Promise<Invitation>);
}

export class TestCluster implements AsyncDisposable {
  readonly bus: Bus;
  readonly world: World;
  readonly nodes: Map<string, TestNode> = new Map();
  readonly #config: Partial<RaftNodeConfig>;
  readonly #names: readonly string[];

  constructor(size: number, config: Partial<RaftNodeConfig> = {}, logger: Logger = nullLogger) {
    this.#names = Array.from({ length: size }, (_, i) => `n${i + 1}`);
    this.#config = config;
    this.world = {
      clock: realClock(),
      random: realRandom(),
      disk: realDisk(),
      network: realNetwork(),
      logger,
    };
    this.bus = new Bus(this.world.clock);
  }

  configOf(nodeId: string): RaftNodeConfig {
    const members = this.#names.map((name) => ({ nodeId: name, address: `${name}:1` }));
    return {
      ...defaultConfig(),
      tickIntervalMs: 10,
      stopTimeoutMs: 1_000,
      ...this.#config,
      nodeId,
      cluster: { name: 'test', members },
    };
  }

  async start(
    nodeId: string,
    storage: Storage = new MemoryStorage(),
    { machine = new JournalMachine(), join }: StartOptions = {},
  ): Promise<TestNode> {
    const transport = this.bus.transport();
    const config = { ...this.configOf(nodeId), ...(join === undefined ? {} : { join }) };
    const node = new RaftNode(config, {
      world: this.world,
      storage,
      transport,
      machine,
    });
    const started = { node, machine, storage };
    this.nodes.set(nodeId, started);
    await node.start();
    return started;
  }

  /** The process is gone: nobody hears of it again, and it is not asked to stop in good order. */
  kill(nodeId: string): void {
    const { node } = this.nodes.get(nodeId) as TestNode;
    // What is left of it in this process ends by itself; its disk may never answer again.
    void node.stop();
  }

  async startAll(): Promise<TestNode[]> {
    return await Promise.all(this.#names.map((name) => this.start(name)));
  }

  /** Waits until exactly one node leads and all that run agree on it. */
  async leader(): Promise<TestNode> {
    let found: TestNode | undefined;
    await until('one leader, known to all', () => {
      const running = [...this.nodes.values()].filter(({ node }) => node.phase === 'running');
      const leaders = running.filter(({ node }) => node.isLeader);
      found = leaders[0];
      return (
        leaders.length === 1 &&
        running.every(({ node }) => node.leader?.nodeId === found?.node.nodeId)
      );
    });
    return found as TestNode;
  }

  followers(leader: TestNode): TestNode[] {
    return [...this.nodes.values()].filter((it) => it !== leader && it.node.phase === 'running');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { node } of this.nodes.values()) await node.stop();
  }
}

export function text(value: string): Uint8Array {
  return Buffer.from(value);
}
