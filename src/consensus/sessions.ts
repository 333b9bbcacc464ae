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
 *
 * Results take memory on every node and space in every snapshot, so their bytes are bounded, for a
 * session and for all. Where a session keeps too much its oldest results are dropped, those with the
 * lowest numbers; that they were applied is still known. Where all keep too much the least recently used
 * session ends.
 */
import {
  SESSION_RESULT_BYTES_MAX,
  SESSION_RESULTS_MAX,
  SESSIONS_MAX,
  SESSIONS_RESULT_BYTES_MAX,
} from '../limits.ts';
import type { LogIndex } from '../raft/index.ts';
import { resultLength } from './compact-result.ts';
import { ResultWindow } from './result-window.ts';
import type { CommandResult, RequestId, SessionId } from './types.ts';

/** From here on codes are the node's own; a state machine's stay below. */
export const NODE_CODES_FROM = 60_000;

/** Result codes of the node itself. Part of the log's meaning. */
export const NodeResultCode = {
  SessionExpired: 60_001,
  SequenceStale: 60_002,
  MemberExists: 60_003,
  ResultTooLarge: 60_004,
} as const;

const EMPTY = new Uint8Array(0);

/** Stands for a result that is being worked out: the same request twice in one entry. */
export const PENDING: CommandResult = { code: -1, bytes: EMPTY };

/** Stands for a result that was dropped to make room. */
const DROPPED: CommandResult = { code: NodeResultCode.SequenceStale, bytes: EMPTY };

interface Session {
  readonly id: SessionId;
  /** Index of the newest entry that used it. */
  lastIndex: LogIndex;
  /** Requests below this are done with: their results are gone. */
  windowStart: number;
  readonly results: ResultWindow;
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
  /** Of the results of all sessions. */
  #bytes = 0;

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
    const results = new ResultWindow();
    this.#sessions.set(id, { id, lastIndex: index, windowStart: 1, results });
    return id;
  }

  close(id: SessionId): void {
    this.#end(this.#sessions.get(id));
  }

  /** Ends the session unless it was used after `unusedSince`. */
  expire(id: SessionId, unusedSince: LogIndex): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined || session.lastIndex > unusedSince) return false;
    this.#end(session);
    return true;
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
    this.#keep(session, request.sequence, result);
    const { results } = session;
    if (results.size > SESSION_RESULTS_MAX) this.#moveWindow(session, results.lowest()! + 1);
    if (results.bytes > SESSION_RESULT_BYTES_MAX) this.#dropOldest(session, request.sequence);
    while (this.#bytes > SESSIONS_RESULT_BYTES_MAX && this.#sessions.size > 1) {
      this.#evictLeastRecentlyUsed(session);
    }
  }

  records(): SessionRecord[] {
    return [...this.#sessions.values()].map(({ id, lastIndex, windowStart, results }) => {
      // Snapshots come every now and then, and go through all: the time to tidy up.
      results.shrink();
      return { id, lastIndex, windowStart, results: [...results.inOrder()] };
    });
  }

  restore(nextId: SessionId, records: Iterable<SessionRecord>): void {
    this.#nextId = nextId;
    this.#sessions = new Map();
    this.#bytes = 0;
    for (const { id, lastIndex, windowStart, results } of records) {
      const session: Session = { id, lastIndex, windowStart, results: new ResultWindow() };
      this.#sessions.set(id, session);
      for (const [sequence, result] of results) this.#keep(session, sequence, result);
    }
  }

  #keep({ results }: Session, sequence: number, result: CommandResult): void {
    const before = results.bytes;
    results.set(sequence, result);
    this.#bytes += results.bytes - before;
  }

  /** The newest result stays, however large. */
  #dropOldest(session: Session, newest: number): void {
    for (const [sequence, result] of session.results.inOrder()) {
      if (session.results.bytes <= SESSION_RESULT_BYTES_MAX) return;
      if (resultLength(result) > 0 && sequence !== newest) this.#keep(session, sequence, DROPPED);
    }
  }

  #end(session: Session | undefined): void {
    if (session === undefined) return;
    this.#sessions.delete(session.id);
    this.#bytes -= session.results.bytes;
  }

  #moveWindow(session: Session, start: number): void {
    if (start <= session.windowStart) return;
    const { results } = session;
    const before = results.bytes;
    results.forgetBelow(start);
    this.#bytes += results.bytes - before;
    session.windowStart = start;
  }

  #evictLeastRecentlyUsed(but?: Session): void {
    let oldest: Session | undefined;
    for (const session of this.#sessions.values()) {
      if (session === but) continue;
      if (oldest === undefined || session.lastIndex < oldest.lastIndex) oldest = session;
    }
    this.#end(oldest);
  }
}
