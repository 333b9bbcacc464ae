/**
 * The contract of `Storage` (src/storage/types.ts) as cases. A node trusts its storage with its vote and
 * with everything that it has acknowledged: one that passes here in everything but crashes shows little,
 * so give the suite a place whose power can be cut, if there is any way to build one.
 */
import { type ConformanceCase, makeCases } from '../kit/index.ts';
import { StorageBench } from './bench.ts';
import { endingCases } from './ending-cases.ts';
import { logCases, type StorageAbilities } from './log-cases.ts';
import { checkRig, type StorageAbility, type StorageRig } from './rig.ts';
import { snapshotCases } from './snapshot-cases.ts';

export type { StorageAbility, StoragePlace, StorageRig } from './rig.ts';

/** The cases for a storage of your own. */
export function storageConformance(rig: StorageRig): ConformanceCase[] {
  checkRig(rig);
  const reasonWithout = (ability: StorageAbility): string | undefined =>
    rig.offers.includes(ability) ? undefined : `the rig does not offer ${ability}`;
  const can: StorageAbilities = {
    crash: reasonWithout('crash'),
    hold: reasonWithout('hold'),
    failWrites: reasonWithout('failWrites'),
  };
  const suite = {
    name: 'storage',
    open: async () => new StorageBench(rig),
    close: (bench: StorageBench) => bench.close(),
  };
  return makeCases(suite, [...logCases(can), ...snapshotCases(can), ...endingCases(can)]);
}
