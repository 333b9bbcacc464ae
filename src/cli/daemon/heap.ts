/**
 * How far the heap of a daemon may grow between two full collections.
 *
 * Under load the log's newest entries, which live for half a second, fill memory that V8 does not count as
 * young any more. Left to itself it allows so little of it that each node ran five or six full collections a
 * second, each with a pause of 10 to 30 ms, and spent a fifth of its processor time on them. What stays alive
 * in that heap is an index of the keys; their values lie outside.
 */
import { setFlagsFromString } from 'node:v8';

/** Of what the last full collection left. */
const GROWTH_PERCENT = 200;

/**
 * For a process that is a daemon and nothing else: it is a setting of the whole process. Not before all is
 * loaded: from then on V8 takes no more code from Node's cache, which was made under other settings.
 */
export function letHeapGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
