/**
 * Sessions that nobody uses any more are ended by the leader, which is the one with an opinion on
 * time. It only proposes: the log decides, and a session that was used meanwhile stays. A new leader
 * begins to count anew.
 */
import type { LogIndex } from '../raft/index.ts';
import type { SessionTable } from './sessions.ts';
import type { SessionId } from './types.ts';

interface Use {
  readonly lastIndex: LogIndex;
  /** When that use was first seen, by `Clock.now()`. */
  readonly since: number;
}

export class SessionExpiry {
  readonly #idleMs: number;
  #uses = new Map<SessionId, Use>();

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** This node does not lead (any more). */
  reset(): void {
    this.#uses.clear();
  }

  /** Sessions to end, with the index of their newest use. */
  due(sessions: SessionTable, now: number): (readonly [SessionId, LogIndex])[] {
    const uses = new Map<SessionId, Use>();
    const due: (readonly [SessionId, LogIndex])[] = [];
    for (const [session, lastIndex] of sessions.lastUses()) {
      const known = this.#uses.get(session);
      const use = known?.lastIndex === lastIndex ? known : { lastIndex, since: now };
      uses.set(session, use);
      if (now - use.since >= this.#idleMs) due.push([session, lastIndex]);
    }
    this.#uses = uses;
    return due;
  }
}
