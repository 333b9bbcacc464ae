/** Every kind of fault that there is, by its name. */
import { DISK_FAULTS } from './disk-faults.ts';
import type { FaultKind } from './kind.ts';
import { NETWORK_FAULTS } from './network-faults.ts';
import { OPERATOR_DEEDS } from './operator-deeds.ts';
import { PROCESS_FAULTS } from './process-faults.ts';
import { PURSUITS } from './pursuits.ts';

const ALL: readonly FaultKind[] = [
  ...NETWORK_FAULTS,
  ...DISK_FAULTS,
  ...PROCESS_FAULTS,
  ...PURSUITS,
  ...OPERATOR_DEEDS,
];

export const FAULT_KINDS: ReadonlyMap<string, FaultKind> = new Map(
  ALL.map((kind) => [kind.name, kind]),
);

/** @throws Error for a kind that there is not. */
export function kindOf(name: string): FaultKind {
  const kind = FAULT_KINDS.get(name);
  if (kind === undefined) throw new Error(`there is no fault of the kind ${name}`);
  return kind;
}
