/**
 * What the local disk and the local state machine report back, as messages from the two storage
 * threads or, in synchronous mode, out of `advance`.
 */
import { encodeConfChangeV2 } from './codec/index.ts';
import { resumeCampaign } from './election.ts';
import { EMPTY_BYTES, entriesSize, makeEntry, payloadBytes } from './entries.ts';
import { leaderPropose, shrinkUncommitted } from './proposing.ts';
import type { Raft } from './raft.ts';
import {
  ConfChangeTransition,
  EntryType,
  type LogIndex,
  type Message,
  type Snapshot,
} from './types.ts';

const LEAVE_JOINT: Uint8Array = encodeConfChangeV2({
  transition: ConfChangeTransition.Auto,
  changes: [],
  context: EMPTY_BYTES,
});

/** Entries up to `index` of `logTerm`, and the snapshot if there is one, are durable. */
export function handleStorageAppended(raft: Raft, message: Message): void {
  if (message.index !== 0) raft.log.unstable.stableTo(message.index, message.logTerm);
  if (message.snapshot !== undefined) snapshotInstalled(raft, message.snapshot);
}

/**
 * The same, begun in an earlier term. The entries may have been replaced since, by others that look
 * alike (NASTY 18), so their durability is learnt from a later write; a snapshot is never replaced.
 */
export function handleStaleStorageAppended(raft: Raft, message: Message): void {
  if (message.snapshot !== undefined) snapshotInstalled(raft, message.snapshot);
}

export function handleStorageApplied(raft: Raft, message: Message): void {
  const last = message.entries.at(-1);
  if (last === undefined) return;
  appliedTo(raft, last.index, entriesSize(message.entries));
  // A follower counts none, and need not add up what it does not count.
  if (raft.uncommittedBytes > 0) shrinkUncommitted(raft, payloadBytes(message.entries));
}

function snapshotInstalled(raft: Raft, snapshot: Snapshot): void {
  const { index } = snapshot.metadata;
  raft.log.unstable.stableSnapTo(index);
  appliedTo(raft, index, 0);
}

/** A joint configuration that leaves by itself does so once the change that began it is applied. */
function appliedTo(raft: Raft, index: LogIndex, bytes: number): void {
  const applied = Math.max(index, raft.log.applied);
  raft.log.appliedTo(applied, bytes);
  resumeCampaign(raft);
  if (!raft.tracker.config.autoLeave || !raft.isLeader) return;
  if (applied < raft.pendingConfIndex) return;
  // Dropped during a transfer, or over the uncommitted bound; the next applied entry tries again,
  // and so does the next leader (NASTY 33).
  leaderPropose(raft, [makeEntry(0, 0, EntryType.ConfChangeV2, LEAVE_JOINT)]);
}
