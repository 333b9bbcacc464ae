/**
 * The short way to a running node: what a service that embeds Quorate writes once, at its start. All
 * that is left out has a default; all that is wrong is refused with the field's name.
 */

import type { StateMachine } from '../consensus/index.ts';
import { defaultConfig, type FoundingMember, type RaftNodeConfig } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import { type Address, nullLogger, realWorld, type World } from '../world/index.ts';
import { EmbeddedEngine } from './embedded-engine.ts';

/** What must be known to start a node; all else has a default. */
export interface StartNodeOptions {
  /** 1 to 128 of `A-Za-z0-9._-`; one of `members`. */
  readonly nodeId: string;
  /** The founding members: the same list on each of them. */
  readonly members: readonly FoundingMember[];
  /** The node's own folder; made when it does not exist. */
  readonly dataDir: string;
  readonly machine: StateMachine;
  /** Default `default`. Clusters that could ever meet on a network need different names. */
  readonly clusterName?: string;
  /** Where to listen for peers; default: the node's own address in `members`. */
  readonly listen?: Address;
  /** Timing and bounds, where the defaults of `defaultConfig()` do not fit. */
  readonly raft?: Partial<Omit<RaftNodeConfig, 'nodeId' | 'cluster'>>;
  /** Default: the real one, without a log. */
  readonly world?: World;
}

/** @throws ClusterError CONFIG_INVALID, DATA_DIR_*, DATA_CORRUPT, ADDRESS_IN_USE, ADDRESS_INVALID. */
export async function startNode(options: StartNodeOptions): Promise<EmbeddedEngine> {
  const { nodeId, members, dataDir, machine } = options;
  const config: RaftNodeConfig = {
    ...defaultConfig(),
    ...options.raft,
    nodeId,
    cluster: { name: options.clusterName ?? 'default', members },
  };
  const engine = new EmbeddedEngine({
    config,
    dataDir,
    machine,
    listen: options.listen ?? ownAddress(nodeId, members),
    world: options.world ?? { ...realWorld(), logger: nullLogger },
  });
  await engine.start();
  return engine;
}

function ownAddress(nodeId: string, members: readonly FoundingMember[]): Address {
  const address = members.find((member) => member.nodeId === nodeId)?.address ?? '';
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  if (colon > 0 && Number.isInteger(port) && port > 0 && port < 65_536) {
    return { host: address.slice(0, colon), port };
  }
  throw new ClusterError(
    'CONFIG_INVALID',
    `nodeId is ${JSON.stringify(nodeId)}: members must list it with an address host:port`,
    { details: { field: 'members', value: address } },
  );
}
