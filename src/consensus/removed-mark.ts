/**
 * A member that was removed leaves a mark in its data folder, so that it says so at once when it is
 * started again, and does not go on as somebody who votes until it is told once more. Nothing depends on the
 * mark: a crash may come before it, and then the node learns it anew. It is written only when the others can
 * do without the node for certain (departure.ts), since a node with a mark votes for nobody.
 */
import type { Identity, Storage } from '../storage/index.ts';
import { removedFrom } from './complaints.ts';
import { type MarkHost, markFolder, readFact } from './facts.ts';

const FACT = 'removed';

/** Does not reject. */
export function markRemoved(host: MarkHost, { raftId }: Identity): Promise<void> {
  return markFolder(host, FACT, { raftId });
}

/** @throws ClusterError MEMBER_REMOVED. */
export async function checkNotRemoved(storage: Storage, identity: Identity): Promise<void> {
  if ((await readFact(storage, FACT)) !== undefined) throw removedFrom(identity);
}
