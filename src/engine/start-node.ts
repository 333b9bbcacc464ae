/**
 * The short way to a running node: what a service that embeds Quorate writes once, at its start. All
 * that is left out has a default; all that is wrong is refused with the field's name.
 */

import {
  type ConfigFieldNames,
  defaultConfig,
  type FoundingMember,
  type RaftNodeConfig,
  type StateMachine,
  TUNING_FIELDS,
  validateConfig,
} from '../consensus/index.ts';
import { badField, checkFields } from '../given.ts';
import type { DiskStorageTuning } from '../storage/index.ts';
import { parseAddress, type TransportOptions } from '../transport/index.ts';
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

/** What the fields are called here. */
const NAMES: ConfigFieldNames = {
  name: 'clusterName',
  id: 'cluster.id',
  members: 'members',
  tuning: 'raft.',
};

const FIELDS: ReadonlySet<string> = new Set([
  'nodeId',
  'members',
  'join',
  'dataDir',
  'machine',
  'clusterName',
  'listen',
  'raft',
  'storage',
  'transport',
  'world',
]);

/** @throws ClusterError CONFIG_INVALID, DATA_DIR_*, DATA_CORRUPT, ADDRESS_IN_USE, ADDRESS_INVALID. */
export async function startNode(options: StartNodeOptions): Promise<EmbeddedEngine> {
  const config = configOf(options);
  const { dataDir, machine, listen, world, storage, transport } = options;
  const engine = new EmbeddedEngine({
    config,
    dataDir,
    machine,
    listen: listen === undefined ? ownAddress(config) : listen,
    world: world === undefined ? realWorld({ logger: nullLogger }) : world,
    ...(storage === undefined ? {} : { storage }),
    ...(transport === undefined ? {} : { transport }),
  });
  await engine.start();
  return engine;
}

/** @throws ClusterError CONFIG_INVALID. */
function configOf(options: StartNodeOptions): RaftNodeConfig {
  checkFields('options', options, FIELDS, 'CONFIG_INVALID');
  const { nodeId, members, join, raft = {}, clusterName } = options;
  checkFields('raft', raft, TUNING_FIELDS, 'CONFIG_INVALID', 'raft.');
  const invitedTo = typeof join === 'object' && join !== null ? join.clusterName : undefined;
  const name = clusterName === undefined ? (invitedTo ?? 'default') : clusterName;
  const given = Object.entries(raft).filter(([, value]) => value !== undefined);
  const config: RaftNodeConfig = {
    ...defaultConfig(),
    ...Object.fromEntries(given),
    nodeId,
    cluster: { name, members: members === undefined ? [] : members },
    ...(join === undefined ? {} : { join }),
  };
  validateConfig(config, NAMES);
  return config;
}

function ownAddress({ nodeId, cluster, join }: RaftNodeConfig): Address {
  const invited = typeof join === 'object' ? join.members : [];
  const own = [...cluster.members, ...invited].find((member) => member.nodeId === nodeId);
  if (own !== undefined) return parseAddress(own.address);
  const rule = '{ host, port }, where it listens: no invitation at hand gives its address';
  throw badField('listen', undefined, rule, 'CONFIG_INVALID');
}
