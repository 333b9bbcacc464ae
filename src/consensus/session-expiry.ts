/**
 * Sessions that nobody uses any more are ended by the leader, which is the one with an opinion on
 * time. It only proposes: the log decides, and a session that was used meanwhile stays. A new leader
 * begins to count anew.
 */
import type { LogIndex } from '../raft/index.ts';
import { CommandKind } from './envelope.ts';
import { encodeNumbers } from './replica.ts';
import type { SessionTable } from './sessions.ts';
import type { SessionId } from './types.ts';

/** Ticks between two looks. */
const CHECK_TICKS = 100;

export interface SessionExpiryHost {
  readonly sessionIdleMs: number;
  readonly sessions: SessionTable;
  now(): number;
  isLeader(): boolean;
  /** What comes of it is seen at the next look. */
  propose(kind: CommandKind, body: Uint8Array): void;
}

interface Use {
  readonly lastIndex: LogIndex;
  /** When that use was first seen, by `Clock.now()`. */
  readonly since: number;
}

export class SessionExpiry {
  readonly #host: SessionExpiryHost;
  #uses = new Map<SessionId, Use>();
  #ticks = 0;

  constructor(host: SessionExpiryHost) {
    this.#host = host;
  }

  tick(): void {
    this.#ticks++;
    if (this.#ticks % CHECK_TICKS !== 0) return;
    if (this.#host.isLeader()) this.#look();
    else this.#uses.clear();
  }

  #look(): void {
    const { sessionIdleMs, sessions } = this.#host;
    const now = this.#host.now();
    const uses = new Map<SessionId, Use>();
    for (const [session, lastIndex] of sessions.lastUses()) {
      const known = this.#uses.get(session);
      const use = known?.lastIndex === lastIndex ? known : { lastIndex, since: now };
      uses.set(session, use);
      if (now - use.since < sessionIdleMs) continue;
      this.#host.propose(CommandKind.ExpireSession, encodeNumbers(session, lastIndex));
    }
    this.#uses = uses;
  }
}
