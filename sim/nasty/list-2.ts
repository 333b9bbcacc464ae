/**
 * N-21 to N-40: reads and transfers, membership, snapshots, disks.
 */
import { OLD_PROOF } from './n-21-old-proof.ts';
import { FIRST_COMMIT } from './n-22-first-commit.ts';
import { DEPOSED, STOOD_STILL } from './n-23-deposed.ts';
import { LATE_WORD, UNDER_LOAD } from './n-25-hand-over.ts';
import { CIRCLES } from './n-27-circles.ts';
import { DEPOSED_ENDS, LATE_GRANT } from './n-28-leases.ts';
import { TWO_CHANGES } from './n-30-two-changes.ts';
import { UNAPPLIED } from './n-31-unapplied.ts';
import { WIPED } from './n-32-wiped.ts';
import { JOINT } from './n-33-joint.ts';
import { PASSED_BY } from './n-34-passed-by.ts';
import { INSTALLS } from './n-35-installs.ts';
import { INSTALL_CRASHES } from './n-36-install-crashes.ts';
import { REPORTS } from './n-37-reports.ts';
import { TORN } from './n-38-torn.ts';
import { DISK_FAILS } from './n-39-disk-fails.ts';
import { EXACTLY_ONCE } from './n-40-exactly-once.ts';
import type { NastyScenario } from './scenario.ts';

export const LIST_2: readonly NastyScenario[] = [
  OLD_PROOF,
  FIRST_COMMIT,
  DEPOSED,
  STOOD_STILL,
  LATE_WORD,
  UNDER_LOAD,
  CIRCLES,
  DEPOSED_ENDS,
  LATE_GRANT,
  TWO_CHANGES,
  UNAPPLIED,
  WIPED,
  JOINT,
  PASSED_BY,
  INSTALLS,
  INSTALL_CRASHES,
  REPORTS,
  TORN,
  DISK_FAILS,
  EXACTLY_ONCE,
];
