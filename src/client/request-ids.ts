/**
 * The client's session: hands each write the next sequence number, and knows below which all answers have
 * arrived, so that the cluster can forget them.
 *
 * The rule: a sequence belongs to one write for ever, and counts as acknowledged only when its outcome is
 * certain; the id of a write of unknown outcome must stay usable for a retry. But nobody may ever come
 * back for it, and the cluster keeps only so many results: after CLIENT_RETRY_WINDOW further writes it is
 * let go, and a retry then is refused, not applied twice.
 */
import type { RequestId } from '../consensus/index.ts';
import { ClusterError } from '../errors.ts';
import { CLIENT_RETRY_WINDOW, SESSION_RESULTS_MAX } from '../limits.ts';

/** The id to repeat a write with, from the error that left its outcome unknown. */
export function requestOf(error: unknown): RequestId | undefined {
  if (!(error instanceof ClusterError)) return undefined;
  const { session, sequence } = (error.details['request'] ?? {}) as Partial<RequestId>;
  return session === undefined || sequence === undefined ? undefined : { session, sequence };
}

/** The cluster's window, less a margin: sequences from the oldest open one to the next. */
const WINDOW: number = SESSION_RESULTS_MAX - 64;

export class RequestIds {
  readonly session: number;
  #next = 1;
  /** Not certain yet, in ascending order, as they are only ever added at the end. */
  readonly #open: Set<number> = new Set();
  /** Of those, the ones that nobody is waiting for. */
  readonly #adrift: Set<number> = new Set();

  constructor(session: number) {
    this.session = session;
  }

  /** False: too many are open; wait until one is settled. */
  get hasRoom(): boolean {
    // Else a window that is full of ids adrift would stay full: nothing is taken while it is.
    this.#letGo();
    return this.#next - this.#lowest() < WINDOW;
  }

  /** Every id that was given out is certain. */
  get isSettled(): boolean {
    return this.#open.size === 0;
  }

  /** The next id. `isAdrift`: given to a caller who may or may not use it. */
  take(isAdrift: boolean): RequestId {
    this.#letGo();
    const sequence = this.#next++;
    this.#open.add(sequence);
    if (isAdrift) this.#adrift.add(sequence);
    return this.named(sequence);
  }

  /** With what is acknowledged by now; an id of another session is none of ours and stays as it is. */
  refreshed(request: RequestId): RequestId {
    if (request.session !== this.session) return request;
    this.#adrift.delete(request.sequence);
    return this.named(request.sequence);
  }

  settled(request: RequestId, certain: boolean): void {
    if (request.session !== this.session || !this.#open.has(request.sequence)) return;
    if (!certain) {
      this.#adrift.add(request.sequence);
      return;
    }
    this.#open.delete(request.sequence);
    this.#adrift.delete(request.sequence);
  }

  named(sequence: number): RequestId {
    const lowest = this.#lowest();
    const id = { session: this.session, sequence };
    // 1 acknowledges nothing; more than the sequence would be a contradiction.
    return lowest > 1 && lowest <= sequence ? { ...id, acknowledgedBelow: lowest } : id;
  }

  #lowest(): number {
    for (const sequence of this.#open) return sequence;
    return this.#next;
  }

  #letGo(): void {
    for (const sequence of this.#open) {
      if (!this.#adrift.has(sequence) || this.#next - sequence <= CLIENT_RETRY_WINDOW) return;
      this.#open.delete(sequence);
      this.#adrift.delete(sequence);
    }
  }
}
