/**
 * Gives their votes to the learners that were added as voters to be (`addNode`), once they have caught
 * up: a voter that is still reading the log would hold up every commit that needs it (thesis 4.2.1).
 *
 * Level-triggered: that a learner wants its vote stands in the replicated member table, so whoever
 * leads looks after it, whatever became of the one who asked.
 */
import { type LogIndex, ProgressState, type RaftId, type RaftStatus } from '../raft/index.ts';
import type { MemberRecord, MemberTable } from './members.ts';

/** Ticks between two tries for the same learner: a change that was not taken is not tried in each tick. */
const RETRY_TICKS = 5;

export interface PromotionHost {
  readonly members: MemberTable;
  status(): RaftStatus;
  isLeader(): boolean;
  promote(member: MemberRecord): void;
}

export class Promotion {
  readonly #host: PromotionHost;
  /** By learner that follows the log: where that had been committed to at the last look. */
  readonly #marks = new Map<RaftId, LogIndex>();
  #restTicks = 0;

  constructor(host: PromotionHost) {
    this.#host = host;
  }

  tick(): void {
    const { members } = this.#host;
    if (!this.#host.isLeader()) {
      this.#marks.clear();
      return;
    }
    if (this.#restTicks > 0) {
      this.#restTicks--;
      return;
    }
    const { learners } = members.confState;
    const waiting = members.records().filter((it) => it.wantsVote && learners.includes(it.raftId));
    if (waiting.length === 0) return;
    const status = this.#host.status();
    for (const member of waiting) {
      if (!this.#hasCaughtUp(member.raftId, status)) continue;
      this.#restTicks = RETRY_TICKS;
      this.#host.promote(member);
      return;
    }
  }

  /** It holds what was committed a tick ago: it follows the log at the pace at which it is written. */
  #hasCaughtUp(raftId: RaftId, { progress, hardState }: RaftStatus): boolean {
    const of = progress.get(raftId);
    const mark = this.#marks.get(raftId);
    this.#marks.delete(raftId);
    if (of?.state !== ProgressState.Replicate || !of.recentActive) return false;
    this.#marks.set(raftId, hardState.commit);
    return mark !== undefined && of.match >= mark;
  }
}
