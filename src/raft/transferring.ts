/**
 * Handing leadership over (thesis 3.10). The leader stops taking proposals, brings the chosen member
 * up to date, and tells it to campaign at once. If that takes an election timeout it serves again
 * (see ticking.ts). The old leader's lease ends when TimeoutNow leaves (NASTY 25): the shell that
 * serves lease reads looks at `leadTransferee`.
 */
import type { Raft } from './raft.ts';
import { sendAppend } from './replication.ts';
import type { Progress } from './tracker/progress.ts';
import { type Message, MessageType, NONE, type RaftId } from './types.ts';

/** The message comes "from" the member that is to lead. */
export function handleTransfer(raft: Raft, message: Message, progress: Progress): void {
  const transferee = message.from;
  if (progress.isLearner) return;
  if (raft.leadTransferee !== NONE) {
    if (raft.leadTransferee === transferee) return;
    raft.leadTransferee = NONE;
  }
  if (transferee === raft.id) return;
  raft.electionElapsed = 0;
  raft.leadTransferee = transferee;
  if (progress.match === raft.log.lastIndex()) sendTimeoutNow(raft, transferee);
  else sendAppend(raft, transferee);
}

export function sendTimeoutNow(raft: Raft, to: RaftId): void {
  raft.send(raft.draft(MessageType.TimeoutNow, to));
}
