/**
 * Settles changes of voters: when one was removed or has got its vote, whoever leads puts one more change
 * into the log, which changes nothing, unless another one comes by itself. When that one is committed, a
 * majority has the first on its disk as committed, and can not forget it any more, whatever the power takes
 * from whom (members.ts says why). Only then is a removed member refused, and so told to end; only then is
 * it answered that a member votes.
 *
 * The rule that it protects: a change of voters is committed by those from before it. One that forgot that
 * it was committed (the commit index is worth no write of its own) goes back to them. It needs the removed
 * member again: of two voters always, of four when another one is down. It knows nothing of the new voter:
 * when two became three, and one of the two lost its data, the other two would never elect anybody.
 *
 * Level-triggered: what is not settled stands in the replicated member table, so whoever leads looks
 * after it. The change removes the same member, or gives the same one a vote, once more. It can not come
 * too late, behind a change that another one has made: no leader lets a change in before it has applied the
 * one before, and then nothing is left to be settled.
 */
import type { ConfChangeV2, RaftId } from '../raft/index.ts';
import type { MemberTable } from './members.ts';
import { removeChange, sameVoterChange } from './membership-changes.ts';

/** Ticks between two tries: a change that was not taken, or not committed yet, is not tried in each tick. */
const RETRY_TICKS = 5;

export interface SettlingHost {
  readonly members: MemberTable;
  isLeader(): boolean;
  /** Asks for the change once more. */
  confirm(change: ConfChangeV2): void;
}

export class Settling {
  readonly #host: SettlingHost;
  /** What was asked for last, in this leadership. */
  #asked: { readonly raftId: RaftId; readonly leaves: boolean } | undefined;
  #restTicks = 0;

  constructor(host: SettlingHost) {
    this.#host = host;
  }

  tick(): void {
    if (this.#restTicks > 0) this.#restTicks--;
    else this.#asked = undefined;
    this.hurry();
  }

  /** As soon as may be: somebody waits for it. */
  hurry(): void {
    if (!this.#host.isLeader()) {
      this.#asked = undefined;
      return;
    }
    const { leaving, arriving } = this.#host.members;
    const leaves = leaving.length > 0;
    const raftId = leaving[0]?.raftId ?? arriving[0];
    if (raftId === undefined) return;
    if (this.#asked?.raftId === raftId && this.#asked.leaves === leaves) return;
    this.#asked = { raftId, leaves };
    this.#restTicks = RETRY_TICKS;
    this.#host.confirm(leaves ? removeChange(raftId) : sameVoterChange(raftId));
  }
}
