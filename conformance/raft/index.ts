/** The runner for scripts against the raft core, as a library. */
export {
  type ConformanceResult,
  type Failure,
  findScripts,
  runRaftConformance,
  runScript,
  type ScriptOutcome,
} from './run.ts';
