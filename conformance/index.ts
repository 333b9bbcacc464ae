/**
 * Suites that anybody can run on a part of their own, in whatever runs their tests: a storage, a
 * transport, a state machine, an engine. Each is a function from a rig, which makes the part, to a list
 * of cases; docs/guides/conformance.md shows how. And the raft core against scripts in the data-driven
 * format of etcd-io/raft (see raft/run.ts).
 *
 * @module quorate/conformance
 */
export {
  type EngineAbility,
  type EngineCluster,
  type EngineRig,
  engineConformance,
} from './engine/index.ts';
export {
  type CaseBounds,
  type CaseResult,
  type ConformanceCase,
  type ConformanceDice,
  ConformanceFailure,
  type ConformanceReport,
  conformanceDice,
  type FailureFacts,
  type RunOptions,
  registerCases,
  runConformance,
  type TestFunction,
} from './kit/index.ts';
export { type StateMachineRig, stateMachineConformance } from './machine/index.ts';
export {
  type ConformanceResult,
  type Failure,
  runRaftConformance,
  runScript,
  type ScriptOutcome,
} from './raft/index.ts';
export {
  type StorageAbility,
  type StoragePlace,
  type StorageRig,
  storageConformance,
} from './storage/index.ts';
export {
  type TransportAbility,
  type TransportNet,
  type TransportNode,
  type TransportRig,
  transportConformance,
} from './transport/index.ts';
