/**
 * Workloads: clients, what they do, and how to judge what came of it. One a file; see workload.ts.
 */
import { kvWorkload } from './kv.ts';
import { largeValuesWorkload } from './large-values.ts';
import { locksWorkload } from './locks.ts';
import { plainWorkload } from './plain.ts';
import { sessionsWorkload } from './sessions.ts';
import { transactionsWorkload } from './transactions.ts';
import { watchesWorkload } from './watches.ts';
import type { Workload } from './workload.ts';

export { type CommandGenerator, makePlainWorkload } from './plain.ts';
export {
  type CallOutcome,
  type Sent,
  SimClient,
  type SimClientOptions,
  type Work,
} from './sim-client.ts';
export type {
  PlannedOperation,
  Workload,
  WorkloadPlanOptions,
  WorkloadRun,
} from './workload.ts';

/** By name. All but `plain` want the key-value machine. One at a time: each judges the whole store. */
export const WORKLOADS: Readonly<Record<string, Workload>> = Object.fromEntries(
  [
    kvWorkload,
    transactionsWorkload,
    locksWorkload,
    watchesWorkload,
    largeValuesWorkload,
    sessionsWorkload,
    plainWorkload,
  ].map((workload) => [workload.name, workload]),
);
