/**
 * Takes committed entries to the replicated state, in order, and tells those who wait for them.
 * Synchronous: when it returns, the state has them.
 */
import {
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  decodeConfChange,
  decodeConfChangeV2,
  type Entry,
  EntryType,
  type LogIndex,
} from '../raft/index.ts';
import { decodeFounders, decodeMember, type MembershipChanges } from './membership-changes.ts';
import type { Proposals } from './proposals.ts';
import type { Replica } from './replica.ts';
import { StateHashes } from './state-hashes.ts';

export interface ApplierHost {
  readonly replica: Replica;
  readonly proposals: Proposals;
  readonly changes: MembershipChanges;
  /** The core takes the change over. */
  applyConfChange(change: ConfChange | ConfChangeV2): ConfState;
  /** The members are others now. */
  membersChanged(): void;
  /** Everything up to the index is applied; what came of it has that hash. */
  hashReached(index: LogIndex, hash: number): void;
}

/** Returns the bytes that were applied. */
export function applyEntries(host: ApplierHost, entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) {
    bytes += entry.data.length;
    if (entry.type === EntryType.Normal) applyNormal(host, entry);
    else applyMembership(host, entry);
    if (StateHashes.isDue(entry.index)) host.hashReached(entry.index, host.replica.hash);
  }
  return bytes;
}

function applyNormal({ replica, proposals, changes }: ApplierHost, entry: Entry): void {
  const results = replica.applyNormal(entry);
  const { index, term } = entry;
  proposals.applied(index, term, entry.data.length === 0 ? undefined : results);
  changes.applied(index, term, false);
}

function applyMembership(host: ApplierHost, entry: Entry): void {
  const { replica, proposals, changes } = host;
  const change =
    entry.type === EntryType.ConfChange
      ? decodeConfChange(entry.data)
      : decodeConfChangeV2(entry.data);
  const confState = host.applyConfChange(change);
  const { context } = change;
  replica.applyMembership(entry, confState, decodeMember(context), decodeFounders(context));
  proposals.applied(entry.index, entry.term, undefined);
  changes.applied(entry.index, entry.term, true);
  host.membersChanged();
}
