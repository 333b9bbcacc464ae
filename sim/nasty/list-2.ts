/**
 * N-21 to N-40: reads and transfers, membership, snapshots, disks.
 */
import { OLD_PROOF } from './n-21-old-proof.ts';
import { FIRST_COMMIT } from './n-22-first-commit.ts';
import { DEPOSED, STOOD_STILL } from './n-23-deposed.ts';
import type { NastyScenario } from './scenario.ts';

export const LIST_2: readonly NastyScenario[] = [OLD_PROOF, FIRST_COMMIT, DEPOSED, STOOD_STILL];
