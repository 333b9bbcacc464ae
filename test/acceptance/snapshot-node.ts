/**
 * One node of `snapshot` as a program of its own: an engine over a state machine on the disk. It is told
 * what to do in lines of JSON on its standard input, `{ id, op, ... }`, and answers each in a line on
 * its standard output, `{ id, value }` or `{ id, error }`. What happens by itself it tells in lines
 * `{ event, fields }`.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';

import type { Invitation, RaftNodeConfig } from '../../src/consensus/index.ts';
import { type EmbeddedEngine, startNode } from '../../src/engine/index.ts';
import { type Address, type LogFields, type Logger, realWorld } from '../../src/world/index.ts';
import { putCommand, ValueFileMachine } from './value-file-machine.ts';

export interface NodeSetup {
  readonly nodeId: string;
  readonly clusterName: string;
  readonly members: readonly { readonly nodeId: string; readonly address: string }[];
  readonly listen: Address;
  readonly dataDir: string;
  readonly stateDir: string;
  readonly join?: Invitation;
  readonly raft: Partial<Omit<RaftNodeConfig, 'nodeId' | 'cluster'>>;
  readonly snapshotsKept: number;
}

export interface Order {
  readonly id: number;
  readonly op: string;
  readonly nodeId?: string;
  readonly address?: string;
  readonly count?: number;
  readonly bytes?: number;
  readonly window?: number;
  readonly perSecond?: number;
  readonly firstKey?: number;
}

export interface LoadResult {
  readonly acknowledged: number;
  readonly failures: readonly string[];
  readonly latenciesMs: readonly number[];
  readonly loopDelayMaxMs: number;
}

/** Events of the log that the one who started this node wants to hear of. */
const TOLD = /^(snapshot|bulk|leader|node|member)\./;

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function telling(): Logger {
  const tell = (event: string, fields: LogFields = {}): void => {
    if (TOLD.test(event)) say({ event, fields });
  };
  const logger: Logger = {
    debug: () => {},
    info: tell,
    warn: tell,
    error: tell,
    child: () => logger,
  };
  return logger;
}

/** Proposes at a steady pace, whatever becomes of those before. */
class Load {
  readonly #engine: EmbeddedEngine;
  readonly #delay = monitorEventLoopDelay({ resolution: 5 });
  readonly #latenciesMs: number[] = [];
  readonly #failures: string[] = [];
  readonly #under: Set<Promise<void>> = new Set();
  readonly #timer: NodeJS.Timeout;

  constructor(engine: EmbeddedEngine, order: Order) {
    const { perSecond = 50, bytes = 1_024, firstKey = 0 } = order;
    this.#engine = engine;
    this.#delay.enable();
    const beginMs = performance.now();
    let sent = 0;
    // Late timers are made up for: the pace is kept over time.
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - beginMs) / 1_000) * perSecond);
      while (sent < due) this.#send(putCommand(firstKey + sent++, Buffer.alloc(bytes, sent)));
    }, 5);
  }

  #send(command: Uint8Array): void {
    const beginMs = performance.now();
    const done: Promise<void> = this.#engine
      .propose(command, { timeoutMs: 20_000 })
      .then(
        () => void this.#latenciesMs.push(performance.now() - beginMs),
        (error: unknown) => void this.#failures.push(String(error)),
      )
      .then(() => void this.#under.delete(done));
    this.#under.add(done);
  }

  async stop(): Promise<LoadResult> {
    clearInterval(this.#timer);
    await Promise.all(this.#under);
    this.#delay.disable();
    return {
      acknowledged: this.#latenciesMs.length,
      failures: this.#failures,
      latenciesMs: this.#latenciesMs.map((ms) => Math.round(ms * 10) / 10),
      loopDelayMaxMs: Math.round(this.#delay.max / 1e6),
    };
  }
}

class NodeProgram {
  readonly #machine: ValueFileMachine;
  readonly #engine: EmbeddedEngine;
  #load: Load | undefined;

  constructor(machine: ValueFileMachine, engine: EmbeddedEngine) {
    this.#machine = machine;
    this.#engine = engine;
    engine.failed.then((error) => {
      const { code, message } = error as { code?: string; message: string };
      say({ event: 'failed', fields: { code, message } });
    });
  }

  static async start(setup: NodeSetup): Promise<NodeProgram> {
    const { nodeId, clusterName, members, listen, dataDir, snapshotsKept } = setup;
    const machine = new ValueFileMachine(setup.stateDir);
    const world = { ...realWorld(), logger: telling() };
    const join = setup.join === undefined ? {} : { join: setup.join };
    const storage = { snapshotsKept };
    const node = { nodeId, clusterName, members, listen, dataDir, machine, world };
    const engine = await startNode({ ...node, ...join, raft: setup.raft, storage });
    return new NodeProgram(machine, engine);
  }

  async obey(order: Order): Promise<unknown> {
    const { op, nodeId = '', address = '' } = order;
    const engine = this.#engine;
    switch (op) {
      case 'status':
        return engine.status();
      case 'fill':
        return await this.#fill(order);
      case 'transfer':
        return await engine.transferLeadership(nodeId, { timeoutMs: 20_000 });
      case 'remove':
        return await engine.removeNode(nodeId, { timeoutMs: 20_000 });
      case 'add':
        return await engine.addNode(nodeId, address, { timeoutMs: 20_000 });
      case 'load':
        this.#load = new Load(engine, order);
        return undefined;
      case 'endLoad':
        return await this.#load?.stop();
      case 'contents':
        return await this.#machine.contents();
      case 'stop':
        return await engine.stop();
      default:
        throw new Error(`no such order: ${op}`);
    }
  }

  /** So many values, each of its own, a few on their way at a time. */
  async #fill({ count = 0, bytes = 0, window = 8 }: Order): Promise<void> {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) {
        const key = next++;
        const value = Buffer.alloc(bytes, `value ${key};`);
        await this.#engine.propose(putCommand(key, value), { timeoutMs: 60_000 });
      }
    };
    await Promise.all(Array.from({ length: window }, worker));
  }
}

const setup = JSON.parse(process.argv[2] ?? '{}') as NodeSetup;
try {
  const program = await NodeProgram.start(setup);
  say({ event: 'started', fields: {} });
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line) as Order;
    program.obey(order).then(
      (value) => say({ id: order.id, value }),
      (error: unknown) => say({ id: order.id, error: String(error) }),
    );
  }
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  say({ event: 'failed', fields: { code, message } });
}
