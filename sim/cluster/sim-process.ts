/**
 * One process of a simulated machine: a whole node, the very code that users run, on the world that it is
 * given. It begins, runs, and ends once: killed, cut off from power, stopped in good order, or by itself.
 */
import { type Api, createApi } from '../../src/api/index.ts';
import type { RaftNodeConfig, StateMachine } from '../../src/consensus/index.ts';
import { EmbeddedEngine } from '../../src/engine/index.ts';
import { KvMachine } from '../../src/state/index.ts';
import type { DiskStorageTuning } from '../../src/storage/index.ts';
import type { Transport, TransportOptions } from '../../src/transport/index.ts';
import type { Address, World } from '../../src/world/index.ts';
import type { EventLoop } from '../world/event-loop.ts';
import type { SimDisk } from '../world/sim-disk.ts';
import type { Listener } from './events.ts';
import { MachineTap, StorageTap, tapTransport } from './taps.ts';

export interface ProcessParts {
  readonly node: string;
  readonly life: number;
  readonly loop: EventLoop;
  readonly world: World;
  readonly config: RaftNodeConfig;
  readonly listen: Address;
  readonly dataDir: string;
  readonly storage: DiskStorageTuning;
  readonly transport: TransportOptions;
  readonly machine: StateMachine;
  /** The disk of `world`, as it is simulated. */
  readonly disk: SimDisk;
  /** Stands between the wire and the gauges: loses and repeats messages. */
  readonly mangle: (transport: Transport) => Transport;
  readonly tell: Listener;
  /** The process ends by itself: it could not start, or its node failed. */
  readonly onFailed: (error: Error) => void;
}

export class SimProcess {
  readonly node: string;
  readonly life: number;
  readonly loop: EventLoop;
  readonly engine: EmbeddedEngine;
  /** The state machine itself, behind its gauge. */
  readonly machine: StateMachine;
  /** The operations of the node; only where the machine is the key-value one. */
  readonly api: Api | undefined;
  readonly disk: SimDisk;
  /** Its wire, once it has one. */
  transport: Transport | undefined;
  /** Its start has resolved. */
  isStarted = false;
  /** It was asked to stop in good order. */
  isStopping = false;
  /** Calls from outside that its loop has not come to: they are the callers', not its own. */
  callsWaiting = 0;
  /** What its node failed of while it stopped. */
  failedInStop: Error | undefined;
  readonly #parts: ProcessParts;

  constructor(parts: ProcessParts) {
    const { node, life, loop, world, config, listen, dataDir, machine, tell } = parts;
    this.#parts = parts;
    this.node = node;
    this.life = life;
    this.loop = loop;
    this.machine = machine;
    this.disk = parts.disk;
    const owner = { node, life };
    this.engine = new EmbeddedEngine({
      config,
      dataDir,
      listen,
      world,
      machine: new MachineTap(machine, owner, tell),
      storage: parts.storage,
      transport: parts.transport,
      between: {
        storage: (storage) => new StorageTap(storage, owner, tell),
        transport: (transport) => {
          this.transport = tapTransport(parts.mangle(transport), owner, tell);
          return this.transport;
        },
      },
    });
    const isKv = machine instanceof KvMachine;
    this.api = isKv ? createApi({ engine: this.engine, kv: machine, version: 'sim' }) : undefined;
  }

  /** The process's `main`: to be called on its loop. */
  start(): void {
    const fail = (error: unknown): void => {
      if (!this.loop.isDead && !this.isStopping) this.#parts.onFailed(error as Error);
    };
    this.engine.failed.then((error) => {
      if (this.isStopping) this.failedInStop ??= error;
      fail(error);
    }, fail);
    this.engine.start().then(() => {
      this.isStarted = true;
    }, fail);
  }
}

/** Its api. @throws Error where the machine is not the key-value one: a mistake of whoever asks. */
export function apiOf({ node, api }: SimProcess): Api {
  if (api === undefined) throw new Error(`${node} has no api: only the key-value machine has one`);
  return api;
}
