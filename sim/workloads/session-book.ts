/**
 * What one client knows of its sessions, and what the cluster may therefore not answer any more.
 *
 * - A request is answered with one result, however often and wherever it is asked.
 * - A session that was refused as gone, or whose end was acknowledged, is gone for ever: nothing of it that
 *   is asked later is ever answered with a result.
 * - Nor is a request below what its client has said, in a request that was answered, that it is done with.
 *
 * Only what was answered before a try began counts against it: two tries at the same time may cross.
 */
import type { RequestId, SessionId } from '../../src/consensus/index.ts';
import type { Findings } from './findings.ts';
import { type CallOutcome, codeOf, type Work } from './sim-client.ts';

/** Of one request: the revision that it was told to be, the same for ever. */
export interface Answer {
  readonly revision: number;
}

export interface BookedRequest {
  readonly id: RequestId;
  /** The value that it writes, used for nothing else. */
  readonly mark: string;
  readonly work: Work<Answer>;
  answer: { readonly revision: number; readonly node: string; readonly atMs: number } | undefined;
  /** A try may have taken effect without our being told. */
  isOpen: boolean;
}

export interface BookedSession {
  readonly id: SessionId;
  readonly requests: BookedRequest[];
  /** Why it is gone; undefined: it may be there. */
  gone: string | undefined;
  /** Answers below this were said to be had, and that was answered. */
  staleBelow: number;
}

/** What was certain when a try began. */
interface Before {
  readonly gone: string | undefined;
  readonly staleBelow: number;
}

export class SessionBook {
  readonly #client: string;
  readonly #findings: Findings;

  constructor(client: string, findings: Findings) {
    this.#client = client;
    this.#findings = findings;
  }

  open(id: SessionId): BookedSession {
    return { id, requests: [], gone: undefined, staleBelow: 0 };
  }

  /** A new request; says what is done with when `acknowledges`. */
  next(session: BookedSession, acknowledges: boolean, make: MakeWork): BookedRequest {
    const sequence = session.requests.length + 1;
    const lowest = session.requests.find(({ isOpen }) => isOpen)?.id.sequence ?? sequence;
    const base = { session: session.id, sequence };
    const id = acknowledges && lowest > 1 ? { ...base, acknowledgedBelow: lowest } : base;
    const mark = `${this.#client}.${session.id}.${sequence}`;
    const request = { id, mark, work: make(mark), answer: undefined, isOpen: true };
    session.requests.push(request);
    return request;
  }

  before({ gone, staleBelow }: BookedSession): Before {
    return { gone, staleBelow };
  }

  /** What came of a try that began at `before`. */
  note(
    session: BookedSession,
    request: BookedRequest,
    before: Before,
    outcome: CallOutcome<Answer>,
    atMs: number,
  ): void {
    if (outcome.kind !== 'done') {
      if (codeOf(outcome.error) === 'SESSION_EXPIRED') {
        session.gone ??= `refused as expired at ${atMs.toFixed(3)} ms`;
      }
      return;
    }
    const { revision } = outcome.value;
    const { id, mark, answer } = request;
    const what =
      `${mark} (request ${id.session}/${id.sequence}) was answered by ${outcome.node} ` +
      `with revision ${revision} at ${atMs.toFixed(3)} ms`;
    if (before.gone !== undefined) {
      this.#found('a session that is gone stays gone', `${what}, its session was ${before.gone}`);
    }
    if (id.sequence < before.staleBelow) {
      const done = `but everything below ${before.staleBelow} had been acknowledged as done`;
      this.#found('what is done with is not answered', `${what}, ${done}`);
    }
    if (answer !== undefined && answer.revision !== revision) {
      this.#found(
        'one result a request',
        `${what}; ${answer.node} had said revision ${answer.revision} at ${answer.atMs.toFixed(3)} ms`,
      );
    }
    request.answer ??= { revision, node: outcome.node, atMs };
    request.isOpen = false;
    session.staleBelow = Math.max(session.staleBelow, id.acknowledgedBelow ?? 0);
  }

  #found(rule: string, message: string): void {
    this.#findings.found(rule, message);
  }
}

/** The write of a value, as work on a node. */
export type MakeWork = (mark: string) => Work<Answer>;
