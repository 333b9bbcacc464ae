/**
 * What goes wrong with a data folder, in words that tell a person which file, where, and what to do.
 *
 * Two kinds must never be mixed up. Damage (DATA_CORRUPT) is bytes that are not what was written: the
 * node refuses to start, because repairing by throwing away would lose what it has promised to others.
 * A fault (DISK_FULL, DISK_FAILED) is an operation that the disk did not do: the node stops for good,
 * because after a failed sync nobody knows what is on the disk (NASTY 39).
 */
import { ClusterError, type ErrorCode } from '../errors.ts';
import { textOf } from '../given.ts';
import { DiskError } from '../world/index.ts';

/** `offset`: where the bytes stop making sense; `undefined` when it is the file or folder as a whole. */
export function corrupt(
  path: string,
  offset: number | undefined,
  what: string,
  advice: string = REPLACE_NODE,
): ClusterError {
  const where = offset === undefined ? '' : ` at offset ${offset}`;
  return new ClusterError('DATA_CORRUPT', `${path} is damaged${where}: ${what}. ${advice}`, {
    details: { path, what, advice, ...(offset === undefined ? {} : { offset }) },
  });
}

/** What to do when the log itself can not be trusted. */
const REPLACE_NODE: string =
  'Nothing was changed. Remove this member from the cluster; do not start it on an older copy or on ' +
  'an empty folder under the same id, for it would have forgotten what it promised';

/** From a fault of the disk to the error that stops the node. `doing` reads like "append to the log". */
export function diskFailure(doing: string, error: unknown): ClusterError {
  if (error instanceof ClusterError) return error;
  const path = error instanceof DiskError ? error.path : undefined;
  const text = textOf(error);
  const full = error instanceof DiskError && error.fault === 'full';
  const advice = full
    ? 'Free space (or raise the quota), then start the node again; nothing was acknowledged meanwhile'
    : 'Check the disk and its cables, then start the node again: it will say what is still readable';
  const code: ErrorCode = full ? 'DISK_FULL' : 'DISK_FAILED';
  return new ClusterError(code, `could not ${doing}: ${text}. ${advice}`, {
    details: { doing, ...(path === undefined ? {} : { path }) },
    cause: error,
  });
}

/** While a folder is being opened, "may not" and "is no folder" are the operator's to mend. */
export function openFailure(directory: string, error: unknown): ClusterError {
  if (error instanceof DiskError) {
    if (error.fault === 'locked') {
      return new ClusterError(
        'DATA_DIR_IN_USE',
        `the data folder ${directory} is in use: ${error.message}. Stop that process, or give this node a folder of its own`,
        { details: { directory }, cause: error },
      );
    }
    if (UNUSABLE.has(error.fault)) {
      return new ClusterError(
        'DATA_DIR_UNUSABLE',
        `the data folder ${directory} can not be used: ${error.message}. Give the node a folder that its user may write to`,
        { details: { directory, path: error.path }, cause: error },
      );
    }
  }
  return diskFailure(`open the data folder ${directory}`, error);
}

/** While a folder is being looked into, by whoever. */
export function inspectFailure(directory: string, error: unknown): ClusterError {
  if (error instanceof DiskError && error.fault === 'denied') {
    return new ClusterError(
      'DATA_DIR_UNUSABLE',
      `the data folder ${directory} may not be read: ${error.message}. Look into it as the user that the node runs as`,
      { details: { directory, path: error.path }, cause: error },
    );
  }
  return diskFailure(`look into the data folder ${directory}`, error);
}

const UNUSABLE: ReadonlySet<string> = new Set([
  'denied',
  'read-only',
  'not-a-directory',
  'exists',
  'missing',
]);

export function closed(): ClusterError {
  return new ClusterError('STORAGE_CLOSED', 'the storage was closed; open the data folder again');
}
