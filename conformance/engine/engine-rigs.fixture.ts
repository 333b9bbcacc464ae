/**
 * Our own engine in the suite's hands: in a world in memory whose time goes by as fast as the work
 * is done, and on real disks and loopback.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '../../sim/rigs/transport-rig.ts';
import { ManualClock } from '../../sim/world/manual-clock.ts';
import { MemoryDisk } from '../../sim/world/memory-disk.ts';
import { MemoryNetwork } from '../../sim/world/memory-network.ts';
import {
  defaultConfig,
  type FoundingMember,
  type Invitation,
  type RaftNodeConfig,
  type StateMachine,
} from '../../src/consensus/index.ts';
import { EmbeddedEngine, type Engine } from '../../src/engine/index.ts';
import { parseAddress } from '../../src/transport/index.ts';
import { nullLogger, realWorld, type World } from '../../src/world/index.ts';
import { freePort } from '../../test/free-ports.ts';
import type { ExpectedFailures } from '../kit/expect-broken.fixture.ts';
import type { EngineCluster, EngineRig } from './rig.ts';

/** For the broken ones: what stands between the suite and the engine. */
export type Wrap = (engine: Engine, machine: StateMachine) => Engine;

const asItIs: Wrap = (engine) => engine;

/** An engine with one mistake, and what the suite must say of it. */
export interface BrokenEngine extends ExpectedFailures {
  readonly name: string;
  /** A fresh one for each run: some of them know all engines. */
  readonly wrap: () => Wrap;
}

/** Lets the clock run as fast as the work allows, until it is stopped. */
class Pump {
  #isRunning = true;
  readonly #done: Promise<void>;

  constructor(clock: ManualClock) {
    this.#done = this.#run(clock);
  }

  async #run(clock: ManualClock): Promise<void> {
    while (this.#isRunning) await clock.advance(1);
  }

  stop(): Promise<void> {
    this.#isRunning = false;
    return this.#done;
  }
}

interface Place {
  readonly world: World;
  readonly dataDir: string;
}

function clusterOf(
  members: readonly FoundingMember[],
  placeOf: (nodeId: string) => Place,
  parts: Pick<EngineCluster, 'address' | 'close'>,
  wrap: Wrap,
): EngineCluster {
  const make = (
    nodeId: string,
    address: string,
    machine: StateMachine,
    join?: Invitation,
  ): Engine => {
    const { world, dataDir } = placeOf(nodeId);
    const config: RaftNodeConfig = {
      ...defaultConfig(),
      tickIntervalMs: 20,
      stopTimeoutMs: 1_000,
      nodeId,
      cluster: { name: 'conformance', members: join === undefined ? members : [] },
      ...(join === undefined ? {} : { join }),
    };
    const listen = parseAddress(address);
    return wrap(new EmbeddedEngine({ config, dataDir, listen, world, machine }), machine);
  };
  const invitedTo = new Map<string, string>();
  return {
    nodeIds: members.map(({ nodeId }) => nodeId),
    engine: (nodeId, machine) => {
      const member = members.find((one) => one.nodeId === nodeId);
      return make(nodeId, member?.address ?? '', machine);
    },
    address: async (nodeId) => {
      const address = await parts.address!(nodeId);
      invitedTo.set(nodeId, address);
      return address;
    },
    invited: (invitation, machine) => {
      const { nodeId } = invitation;
      return make(nodeId, invitedTo.get(nodeId) ?? '', machine, invitation);
    },
    close: () => parts.close?.(),
  };
}

export function memoryEngineRig(wrap: Wrap = asItIs): EngineRig {
  let clusters = 0;
  return {
    offers: ['restart', 'join'],
    cluster: (size) => {
      const clock = new ManualClock();
      const network = new MemoryNetwork(clock, { latencyMs: 1 });
      const disks = new Map<string, MemoryDisk>();
      const pump = new Pump(clock);
      let lives = ++clusters * 1_000;
      const members = Array.from({ length: size }, (_, i) => {
        return { nodeId: `n${i + 1}`, address: `n${i + 1}:7000` };
      });
      const placeOf = (nodeId: string): Place => {
        const disk = disks.get(nodeId) ?? new MemoryDisk();
        disks.set(nodeId, disk);
        const random = seededRandom(++lives);
        const world = { clock, random, disk, network: network.host(nodeId), logger: nullLogger };
        return { world, dataDir: '/data' };
      };
      const parts = {
        address: (nodeId: string) => `${nodeId}:7000`,
        close: () => pump.stop(),
      };
      return clusterOf(members, placeOf, parts, wrap);
    },
  };
}

export function loopbackEngineRig(): EngineRig {
  return {
    offers: ['restart', 'join'],
    cluster: async (size) => {
      const folder = await mkdtemp(join(tmpdir(), 'quorate-engines-'));
      const world = { ...realWorld({ logger: nullLogger }) };
      const members: FoundingMember[] = [];
      for (let i = 1; i <= size; i++) {
        members.push({ nodeId: `n${i}`, address: `127.0.0.1:${await freePort()}` });
      }
      const placeOf = (nodeId: string): Place => ({ world, dataDir: join(folder, nodeId) });
      const parts = {
        address: async () => `127.0.0.1:${await freePort()}`,
        close: () => rm(folder, { recursive: true, force: true }),
      };
      return clusterOf(members, placeOf, parts, asItIs);
    },
  };
}
