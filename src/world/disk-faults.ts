/**
 * From the codes of the operating system to the few faults that anybody above tells apart. Whatever is
 * not known here is `failed`: for a log, an error that nobody understands is a broken disk.
 */
import { DiskError, type DiskFault } from './types.ts';

const FAULTS: Readonly<Record<string, DiskFault>> = {
  ENOENT: 'missing',
  EEXIST: 'exists',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'full',
  EROFS: 'read-only',
  EACCES: 'denied',
  EPERM: 'denied',
  ENOTDIR: 'not-a-directory',
};

const ADVICE: Readonly<Record<DiskFault, string>> = {
  missing: 'there is no such file or folder',
  exists: 'it is there already',
  full: 'no space (or quota) is left; free some',
  failed: 'the disk failed; check it before this data is used again',
  'read-only': 'the file system is mounted read-only',
  denied: 'this user may not; check owner and permissions',
  locked: 'another process holds it',
  'not-a-directory': 'a part of the path is a file, not a folder',
};

/** `doing` reads like "write to": it stands before the path. */
export function diskFault(doing: string, path: string, cause: unknown): DiskError {
  if (cause instanceof DiskError) return cause;
  const known = typeof cause === 'object' && cause !== null && 'code' in cause;
  const code = known ? String(cause.code) : 'no code';
  const fault = FAULTS[code] ?? 'failed';
  return new DiskError(fault, path, `can not ${doing} ${path}: ${ADVICE[fault]} (${code})`, cause);
}
