/** Marks in a data folder with which no node may start again: an empty folder, as a new member, is the way back. */
import type { Identity, Storage } from '../storage/index.ts';
import { checkNotQuarantined } from './quarantine.ts';
import { checkNotRemoved } from './removed-mark.ts';
import { checkNotRolledBack } from './rolled-back.ts';

/** @throws ClusterError STATE_DIVERGED, DATA_ROLLED_BACK, MEMBER_REMOVED. */
export async function checkNotMarked(storage: Storage, identity: Identity): Promise<void> {
  await checkNotQuarantined(storage, identity.nodeId);
  await checkNotRolledBack(storage);
  await checkNotRemoved(storage, identity);
}
