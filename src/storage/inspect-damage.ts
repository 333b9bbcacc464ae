/** Damage as an inspection tells of it: taken apart, so that a person sees place, fault and advice. */
import { ClusterError } from '../errors.ts';
import { textOf } from '../given.ts';
import { DiskError } from '../world/index.ts';

/** Something that is not as it was written. */
export interface DamageReport {
  readonly message: string;
  readonly path?: string;
  readonly offset?: number;
  /** What is wrong, and what to do, without the place. */
  readonly what: string;
  readonly advice?: string;
}

/** @throws the error itself when it says nothing of the bytes: they may not be read, or are another version's. */
export function damageOf(error: unknown): DamageReport {
  if (error instanceof DiskError && error.fault === 'denied') throw error;
  if (error instanceof ClusterError && error.code === 'DATA_DIR_FORMAT') throw error;
  const message = textOf(error);
  if (!(error instanceof ClusterError)) return { message, what: message };
  const { path, offset, what, advice } = error.details;
  return {
    message,
    ...(typeof path === 'string' ? { path } : {}),
    ...(typeof offset === 'number' ? { offset } : {}),
    what: typeof what === 'string' ? what : message,
    ...(typeof advice === 'string' ? { advice } : {}),
  };
}
