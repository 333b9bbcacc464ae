/**
 * The leader takes proposals into its log. From here on they have a term and an index, and stay in
 * that place or, if this leader falls before they are committed, may vanish.
 *
 * A membership change is let in only when no other one is under way and it fits the state (joint or
 * not); otherwise an empty entry takes its place. The proposer learns that from what comes out.
 */

import { decodeConfChangeEntry } from './confchange/conf-change.ts';
import { EMPTY_BYTES, makeEntry, payloadBytes } from './entries.ts';
import type { Raft } from './raft.ts';
import { broadcastAppend } from './replication.ts';
import { isJoint } from './tracker/configuration.ts';
import { type Entry, EntryType, type LogIndex, MessageType, NONE, type Term } from './types.ts';

/** False: dropped, nothing was appended. */
export function leaderPropose(raft: Raft, proposed: readonly Entry[]): boolean {
  // Removed from the group while leading: nobody would count this node's copy.
  if (raft.tracker.get(raft.id) === undefined) return false;
  if (raft.leadTransferee !== NONE) return false;
  if (proposed.length === 0) return true;
  const entries = checkConfChanges(raft, proposed);
  if (!appendEntries(raft, entries)) return false;
  if (!raft.isUnannounced) broadcastAppend(raft);
  return true;
}

/** Appends with this leader's term at the end of the log. False when over the uncommitted bound. */
export function appendEntries(raft: Raft, proposed: readonly Entry[]): boolean {
  if (!growUncommitted(raft, payloadBytes(proposed))) return false;
  const { log, term } = raft;
  const lastIndex = log.append(placeEntries(proposed, term, log.lastIndex() + 1));
  // The leader's own copy counts once its disk has it, as everybody's does.
  const message = raft.draft(MessageType.AppResp, raft.id);
  message.index = lastIndex;
  raft.send(message);
  return true;
}

/** Each where it stands from now on. Copies: whoever proposed may still hold his. */
function placeEntries(proposed: readonly Entry[], term: Term, first: LogIndex): readonly Entry[] {
  return proposed.map(({ type, data }, at) => makeEntry(term, first + at, type, data));
}

/** Replaces the membership changes that must not be made now; the same array when there are none. */
function checkConfChanges(raft: Raft, proposed: readonly Entry[]): readonly Entry[] {
  let checked: Entry[] | undefined;
  let pendingIndex = raft.pendingConfIndex;
  for (let i = 0; i < proposed.length; i++) {
    const entry = proposed[i]!;
    if (entry.type === EntryType.Normal) continue;
    // Read even where nobody checks it: what is no change must not get into anybody's log.
    const wantsToLeave = decodeConfChangeEntry(entry).changes.length === 0;
    const isUnderWay = pendingIndex > raft.log.applied;
    const isFitting = !isUnderWay && isJoint(raft.tracker.config) === wantsToLeave;
    if (!raft.config.disableConfChangeValidation && !isFitting) {
      checked ??= proposed.slice();
      checked[i] = makeEntry(0, 0, EntryType.Normal, EMPTY_BYTES);
    } else {
      pendingIndex = raft.log.lastIndex() + i + 1;
    }
  }
  raft.pendingConfIndex = pendingIndex;
  return checked ?? proposed;
}

/**
 * Refuses when the bound is exceeded, unless nothing is outstanding (one large proposal must be able
 * to pass) or the entries are empty (a new leader's first entry always is).
 */
function growUncommitted(raft: Raft, bytes: number): boolean {
  const total = raft.uncommittedBytes + bytes;
  const isOver = total > raft.config.maxUncommittedEntriesSize;
  if (raft.uncommittedBytes > 0 && bytes > 0 && isOver) return false;
  raft.uncommittedBytes = total;
  return true;
}

/** Entries were applied; those of earlier leaders are subtracted too, hence never below 0. */
export function shrinkUncommitted(raft: Raft, bytes: number): void {
  raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes - bytes);
}
