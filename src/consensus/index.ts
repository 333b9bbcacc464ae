/**
 * consensus/: a durable Raft node. `RaftNode` ties the pure core to a storage, a transport and a state
 * machine.
 *
 * What it promises: a proposal that resolved was applied here, is durable on a majority, and is never
 * lost or undone; all nodes apply the same commands in the same order; a read after `readIndex` sees
 * every write that was acknowledged before it. What the caller must do: bring a deterministic state
 * machine, a storage that keeps its word, and give each request that it may retry an id.
 *
 * @module quorate/consensus
 */
export { type ConfigFieldNames, TUNING_FIELDS, validateConfig } from './check-config.ts';
export { validateMachine } from './check-parts.ts';
export { CompactResult, resultLength, writeResult } from './compact-result.ts';
export {
  type ClusterConfig,
  cloneConfig,
  defaultConfig,
  type FoundingMember,
  type RaftNodeConfig,
} from './config.ts';
export { foundingClusterId } from './founding.ts';
export type { RaftNodeParts } from './node-parts.ts';
export { RaftNode } from './raft-node.ts';
export * from './types.ts';
