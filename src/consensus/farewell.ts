/**
 * Sees members off that were removed: whoever leads puts one more change into the log, which changes
 * nothing, when no other one comes by itself. When that one is committed the others can do without those
 * who left for certain, whatever the power takes from them (members.ts says why); only then are they
 * refused, and so told to end.
 *
 * The rule that it protects: a removal is committed by the members from before it. One that forgot that it
 * was committed (the commit index is worth no write of its own) needs them again, the removed one too: of
 * two voters always, of four when another one is down.
 *
 * Level-triggered: that somebody leaves stands in the replicated member table, so whoever leads looks
 * after it. The change is the removal once more: no node could take it for anything else.
 */
import type { RaftId } from '../raft/index.ts';
import type { MemberRecord, MemberTable } from './members.ts';

/** Ticks between two tries: a change that was not taken, or not committed yet, is not tried in each tick. */
const RETRY_TICKS = 5;

export interface FarewellHost {
  readonly members: MemberTable;
  isLeader(): boolean;
  /** Asks for the removal once more. */
  confirm(member: MemberRecord): void;
}

export class Farewell {
  readonly #host: FarewellHost;
  /** For whom it was asked last, in this leadership. */
  #asked: RaftId | undefined;
  #restTicks = 0;

  constructor(host: FarewellHost) {
    this.#host = host;
  }

  tick(): void {
    if (this.#restTicks > 0) this.#restTicks--;
    else this.#asked = undefined;
    this.hurry();
  }

  /** As soon as may be: somebody waits for it. */
  hurry(): void {
    const [member] = this.#host.members.leaving;
    if (!this.#host.isLeader()) this.#asked = undefined;
    else if (member !== undefined && member.raftId !== this.#asked) {
      this.#asked = member.raftId;
      this.#restTicks = RETRY_TICKS;
      this.#host.confirm(member);
    }
  }
}
