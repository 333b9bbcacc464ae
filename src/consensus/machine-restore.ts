/**
 * Gives a snapshot to the state machine, and says in words what it means when the machine can not take it.
 *
 * The usual reason is a data folder that belongs to another state machine, or to an older version of this
 * one: what its author sees then is some TypeError out of `JSON.parse`. What is known here, and not there,
 * is that the bytes are those that were written (every checksum was right), so that the machine, not the
 * disk, is to be looked at.
 *
 * Errors that are Quorate's own (a node that is being stopped, a disk that fails) pass as they are, unless
 * the machine asked for a section that the snapshot does not have: then that is what the error is about.
 */
import { ClusterError } from '../errors.ts';
import { textOf } from '../given.ts';
import type { LogIndex } from '../raft/index.ts';
import type { SnapshotReader } from '../storage/index.ts';
import type { StateMachine } from './types.ts';

/** @throws ClusterError STATE_MACHINE_FAILED: what the machine threw, with what to do. */
export async function restoreMachine(
  machine: StateMachine,
  reader: Pick<SnapshotReader, 'section'>,
  index: LogIndex,
): Promise<void> {
  const missing: string[] = [];
  const noting = {
    section: (name: string) => {
      const section = reader.section(name);
      if (section === undefined) missing.push(name);
      return section;
    },
  };
  try {
    await machine.restore(noting);
  } catch (error) {
    if (missing.length === 0 && error instanceof ClusterError) throw error;
    const lacks = missing.length === 0 ? '' : ` (it has no section ${missing.join(', ')})`;
    const message =
      `the state machine can not restore the snapshot at index ${index}${lacks}: ` +
      `${textOf(error)}. Most likely it was written by ` +
      'another state machine, or by another version of this one, in the same data folder: give ' +
      'each machine a folder of its own, or start the one that belongs to this folder';
    throw new ClusterError('STATE_MACHINE_FAILED', message, {
      cause: error,
      details: { index, missing },
    });
  }
}
