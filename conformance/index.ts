/**
 * Suites that anybody can run. So far: the raft core against scripts in the data-driven format of
 * etcd-io/raft (see raft/run.ts).
 */
export {
  type ConformanceResult,
  type Failure,
  runRaftConformance,
  runScript,
  type ScriptOutcome,
} from './raft/index.ts';
