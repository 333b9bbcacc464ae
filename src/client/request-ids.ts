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
import { assert, ClusterError } from '../errors.ts';
import { CLIENT_RETRY_WINDOW, SESSION_RESULTS_MAX } from '../limits.ts';

/** The id to repeat a write with, from the error that left its outcome unknown. */
export function requestOf(error: unknown): RequestId | undefined {
  if (!(error instanceof ClusterError)) return undefined;
  const { session, sequence } = (error.details['request'] ?? {}) as Partial<RequestId>;
  return session === undefined || sequence === undefined ? undefined : { session, sequence };
}

/** The cluster's window, less a margin: sequences from the oldest open one to the next. */
const WINDOW: number = SESSION_RESULTS_MAX - 64;
/** More than are open at once, and a power of two. */
const PLACES: number = SESSION_RESULTS_MAX;

/** Of a sequence: certain; not certain yet; not certain, and nobody waits for it. */
const STATE = { settled: 0, open: 1, adrift: 2 } as const;

export class RequestIds {
  readonly session: number;
  #next = 1;
  /** The oldest that is not certain; `#next` when all are. */
  #lowest = 1;
  /** By sequence, of those from `#lowest` to `#next`. Most are settled nearly in order. */
  readonly #states: Uint8Array = new Uint8Array(PLACES);

  constructor(session: number) {
    this.session = session;
  }

  /** False: too many are open; wait until one is settled. */
  get hasRoom(): boolean {
    // Else a window that is full of ids adrift would stay full: nothing is taken while it is.
    this.#letGo();
    return this.#next - this.#lowest < WINDOW;
  }

  /** Every id that was given out is certain. */
  get isSettled(): boolean {
    return this.#lowest === this.#next;
  }

  /** The next id. `isAdrift`: given to a caller who may or may not use it. */
  take(isAdrift: boolean): RequestId {
    this.#letGo();
    assert(this.#next - this.#lowest < PLACES, 'more request ids are open than a session can hold');
    const sequence = this.#next++;
    this.#states[sequence % PLACES] = isAdrift ? STATE.adrift : STATE.open;
    return this.named(sequence);
  }

  /** With what is acknowledged by now; an id of another session is none of ours and stays as it is. */
  refreshed(request: RequestId): RequestId {
    const { session, sequence } = request;
    if (session !== this.session) return request;
    if (this.#isOpen(sequence)) this.#states[sequence % PLACES] = STATE.open;
    return this.named(sequence);
  }

  settled({ session, sequence }: RequestId, certain: boolean): void {
    if (session !== this.session || !this.#isOpen(sequence)) return;
    this.#states[sequence % PLACES] = certain ? STATE.settled : STATE.adrift;
    if (certain && sequence === this.#lowest) this.#raise();
  }

  named(sequence: number): RequestId {
    const { session } = this;
    const acknowledgedBelow = this.#lowest;
    // 1 acknowledges nothing; more than the sequence would be a contradiction.
    const acknowledges = acknowledgedBelow > 1 && acknowledgedBelow <= sequence;
    return acknowledges ? { session, sequence, acknowledgedBelow } : { session, sequence };
  }

  #isOpen(sequence: number): boolean {
    if (sequence < this.#lowest || sequence >= this.#next) return false;
    return this.#states[sequence % PLACES] !== STATE.settled;
  }

  /** Behind those that are settled. */
  #raise(): void {
    while (this.#lowest < this.#next && this.#states[this.#lowest % PLACES] === STATE.settled) {
      this.#lowest++;
    }
  }

  #letGo(): void {
    while (this.#next - this.#lowest > CLIENT_RETRY_WINDOW) {
      if (this.#states[this.#lowest % PLACES] !== STATE.adrift) return;
      this.#states[this.#lowest % PLACES] = STATE.settled;
      this.#raise();
    }
  }
}
