/** What each of the three kinds of script offers to the runner. */
import type { Case } from './parser.ts';

/** The state of one file. A thrown error is a failed case; errors of the core are output. */
export interface Suite {
  run(testCase: Case): string;
}
