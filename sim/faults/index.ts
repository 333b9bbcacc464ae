/**
 * The door of sim/faults: what may befall a simulated cluster, planned from a seed, brought upon it, and
 * taken off it again.
 */
export { beginFaults } from './begin-faults.ts';
export type { BeginFaults, FaultMode, FaultPlanOptions, FaultRun, PlannedFault } from './fault.ts';
export { FAULT_KINDS } from './kinds.ts';
export { MODES } from './modes.ts';
