/**
 * Quorate: cluster coordination for Node.js.
 *
 * Embedded: `startNode` with a state machine (your own, or `KvMachine`) gives an `Engine` that
 * proposes, reads, leads. Over the network: `connect` gives a client of running nodes. Parts of the
 * house have doors of their own: `quorate/raft`, `quorate/consensus`, `quorate/storage`, ...
 *
 * @module quorate
 */
export { type ConnectOptions, connect, type QuorateClient, toText } from './client/index.ts';
export {
  type CommandResult,
  type Consistency,
  type Divergence,
  defaultConfig,
  type Invitation,
  type LeaderChange,
  type Member,
  type MembersChange,
  type NodeStatus,
  type ProposalListener,
  type ProposeOptions,
  type ProposeResult,
  type RaftNodeConfig,
  type RequestId,
  type SessionId,
  type StateMachine,
  type WaitOptions,
} from './consensus/index.ts';
export {
  EmbeddedEngine,
  type EmbeddedEngineOptions,
  type Engine,
  type EngineTaps,
  type ReadOptions,
  type StartNodeOptions,
  startNode,
} from './engine/index.ts';
export {
  ClusterError,
  codeOf,
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  type Retryable,
} from './errors.ts';
export {
  composeMachines,
  encodeCommand,
  type KvCommand,
  KvMachine,
  type KvResult,
  prefixRange,
  type SimpleMachine,
  simpleMachine,
  unwrapResult,
} from './state/index.ts';
export { realWorld, type World } from './world/index.ts';
