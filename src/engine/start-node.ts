/**
 * The short way to a running node: what a service that embeds Quorate writes once, at its start. All
 * that is left out has a default; all that is wrong is refused with the field's name.
 */

import type { StateMachine } from '../consensus/index.ts';
import { defaultConfig, type FoundingMember, type RaftNodeConfig } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import type { DiskStorageTuning } from '../storage/index.ts';
import type { TransportOptions } from '../transport/index.ts';
import { type Address, nullLogger, realWorld, type World } from '../world/index.ts';
import { EmbeddedEngine } from './embedded-engine.ts';

/** What must be known to start a node; all else has a default. */
export interface StartNodeOptions {
  /** 1 to 128 of `A-Za-z0-9._-`; one of `members`, unless it joins. */
  readonly nodeId: string;
  /** The founding members: the same list on each of them. Not needed by a node that joins. */
  readonly members?: readonly FoundingMember[];
  /** What `addNode` of a running member gave, or how to get it; see `RaftNodeConfig.join`. */
  readonly join?: RaftNodeConfig['join'];
  /** The node's own folder; made when it does not exist. */
  readonly dataDir: string;
  readonly machine: StateMachine;
  /** Default: the invitation's, or `default`. Clusters that could ever meet on a network need different names. */
  readonly clusterName?: string;
  /** Where to listen for peers; default: the node's own address in `members` or in the invitation. */
  readonly listen?: Address;
  /** Timing and bounds, where the defaults of `defaultConfig()` do not fit. */
  readonly raft?: Partial<Omit<RaftNodeConfig, 'nodeId' | 'cluster' | 'join'>>;
  /** How many snapshots are kept (`snapshotsKept`, default 2), how large segments are. */
  readonly storage?: DiskStorageTuning;
  /** Time limits between peers; `bulkBytesPerSecond` slows down the sending of snapshots (default: no limit). */
  readonly transport?: TransportOptions;
  /** Default: the real one, without a log. */
  readonly world?: World;
}

/** @throws ClusterError CONFIG_INVALID, DATA_DIR_*, DATA_CORRUPT, ADDRESS_IN_USE, ADDRESS_INVALID. */
export async function startNode(options: StartNodeOptions): Promise<EmbeddedEngine> {
  const { nodeId, members = [], join, dataDir, machine } = options;
  const invitedTo = typeof join === 'object' ? join.clusterName : undefined;
  const config: RaftNodeConfig = {
    ...defaultConfig(),
    ...options.raft,
    nodeId,
    cluster: { name: options.clusterName ?? invitedTo ?? 'default', members },
    ...(join === undefined ? {} : { join }),
  };
  const engine = new EmbeddedEngine({
    config,
    dataDir,
    machine,
    listen: options.listen ?? ownAddress(config),
    world: options.world ?? { ...realWorld(), logger: nullLogger },
    ...(options.storage === undefined ? {} : { storage: options.storage }),
    ...(options.transport === undefined ? {} : { transport: options.transport }),
  });
  await engine.start();
  return engine;
}

function ownAddress({ nodeId, cluster, join }: RaftNodeConfig): Address {
  const invited = typeof join === 'object' ? join.members : [];
  const own = [...cluster.members, ...invited].find((member) => member.nodeId === nodeId);
  const address = own?.address ?? '';
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  if (colon > 0 && Number.isInteger(port) && port > 0 && port < 65_536) {
    return { host: address.slice(0, colon), port };
  }
  const rule =
    join === undefined
      ? 'members must list it with an address host:port'
      : 'say where it listens (listen), since no invitation at hand gives its address';
  throw new ClusterError('CONFIG_INVALID', `nodeId is ${JSON.stringify(nodeId)}: ${rule}`, {
    details: { field: join === undefined ? 'members' : 'listen', value: address },
  });
}
