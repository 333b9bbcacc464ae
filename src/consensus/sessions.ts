/**
 * Client sessions: what makes a retry safe.
 *
 * A client opens a session through the log and numbers its requests. The table keeps, for each
 * session, the results of the requests whose answers the client may still ask for; a request that
 * comes again gets the kept result and is not applied again.
 *
 * Every decision in here is taken in the log and rests on the log alone, so it is the same on every
 * node. Expiry too: the leader, which has a clock, only proposes it.
 *
 * The rule that it protects: a request is applied at most once. So a request of a session that is not
 * here any more is refused (it may have been applied before), and so is one below the window.
 */
import { SESSION_RESULTS_MAX, SESSIONS_MAX } from '../limits.ts';
import type { LogIndex } from '../raft/index.ts';
import type { CommandResult, RequestId, SessionId } from './types.ts';

/** Result codes of the node itself; a state machine's own stay below. Part of the log's meaning. */
export const NodeResultCode = {
  SessionExpired: 60_001,
  SequenceStale: 60_002,
  MemberExists: 60_003,
} as const;

const EMPTY = new Uint8Array(0);

/** Stands for a result that is being worked out: the same request twice in one entry. */
export const PENDING: CommandResult = { code: -1, bytes: EMPTY };

interface Session {
  readonly id: SessionId;
  /** Index of the newest entry that used it. */
  lastIndex: LogIndex;
  /** Requests below this are done with: their results are gone. */
  windowStart: number;
  /** By sequence number. */
  readonly results: Map<number, CommandResult>;
}

/** A session as it stands in a snapshot. */
export interface SessionRecord {
  readonly id: SessionId;
  readonly lastIndex: LogIndex;
  readonly windowStart: number;
  readonly results: readonly (readonly [sequence: number, result: CommandResult])[];
}

export class SessionTable {
  #sessions = new Map<SessionId, Session>();
  #nextId: SessionId = 1;

  get size(): number {
    return this.#sessions.size;
  }

  get nextId(): SessionId {
    return this.#nextId;
  }

  /** Ids with the index of their newest use; for the leader's choice of whom to expire. */
  *lastUses(): Iterable<readonly [SessionId, LogIndex]> {
    for (const session of this.#sessions.values()) yield [session.id, session.lastIndex];
  }

  open(index: LogIndex): SessionId {
    if (this.#sessions.size >= SESSIONS_MAX) this.#evictLeastRecentlyUsed();
    const id = this.#nextId++;
    this.#sessions.set(id, { id, lastIndex: index, windowStart: 1, results: new Map() });
    return id;
  }

  close(id: SessionId): void {
    this.#sessions.delete(id);
  }

  /** Ends the session unless it was used after `unusedSince`. */
  expire(id: SessionId, unusedSince: LogIndex): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined || session.lastIndex > unusedSince) return false;
    return this.#sessions.delete(id);
  }

  /**
   * The result to give without applying anything; `undefined` when the request is new and is to be
   * applied now, and its result given to `record`; PENDING when that has not happened yet.
   */
  admit(request: RequestId, index: LogIndex): CommandResult | undefined {
    const session = this.#sessions.get(request.session);
    if (session === undefined) return { code: NodeResultCode.SessionExpired, bytes: EMPTY };
    session.lastIndex = index;
    this.#moveWindow(session, request.acknowledgedBelow ?? 0);
    if (request.sequence < session.windowStart) {
      return { code: NodeResultCode.SequenceStale, bytes: EMPTY };
    }
    const known = session.results.get(request.sequence);
    if (known === undefined) session.results.set(request.sequence, PENDING);
    return known;
  }

  record(request: RequestId, result: CommandResult): void {
    const session = this.#sessions.get(request.session);
    if (session === undefined || request.sequence < session.windowStart) return;
    session.results.set(request.sequence, result);
    if (session.results.size <= SESSION_RESULTS_MAX) return;
    let lowest = Number.POSITIVE_INFINITY;
    for (const sequence of session.results.keys()) lowest = Math.min(lowest, sequence);
    this.#moveWindow(session, lowest + 1);
  }

  records(): SessionRecord[] {
    return [...this.#sessions.values()].map((session) => ({
      id: session.id,
      lastIndex: session.lastIndex,
      windowStart: session.windowStart,
      results: [...session.results],
    }));
  }

  restore(nextId: SessionId, records: Iterable<SessionRecord>): void {
    this.#nextId = nextId;
    this.#sessions = new Map();
    for (const { id, lastIndex, windowStart, results } of records) {
      this.#sessions.set(id, { id, lastIndex, windowStart, results: new Map(results) });
    }
  }

  #moveWindow(session: Session, start: number): void {
    if (start <= session.windowStart) return;
    const { results } = session;
    if (start - session.windowStart <= results.size) {
      for (let sequence = session.windowStart; sequence < start; sequence++) {
        results.delete(sequence);
      }
    } else {
      for (const sequence of results.keys()) if (sequence < start) results.delete(sequence);
    }
    session.windowStart = start;
  }

  #evictLeastRecentlyUsed(): void {
    let oldest: Session | undefined;
    for (const session of this.#sessions.values()) {
      if (oldest === undefined || session.lastIndex < oldest.lastIndex) oldest = session;
    }
    if (oldest !== undefined) this.#sessions.delete(oldest.id);
  }
}
