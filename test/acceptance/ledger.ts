/**
 * What the writers were told, and what therefore must be in the store: every acknowledged write, every
 * revision that was handed out, and when the last acknowledgement came.
 *
 * The rule that it protects: nothing is entered before it was acknowledged, and what was acknowledged is
 * entered exactly once, however often it was sent. A revision that two requests were told is a fork, or a
 * request that was applied twice; a revision that nobody was told is a change that nobody asked for.
 */
import { machineMs, type Span } from './machine-clock.ts';

/** Shorter ones are what a write takes. */
const SILENCE_MS = 5;

export interface Chain {
  /** What each swap found, and what it put there. */
  readonly swaps: Map<string, string>;
}

export class Ledger {
  /** Final value of each key, as far as it follows from acknowledgements. */
  readonly expected: Map<string, string> = new Map();
  /** Revision of the put that wrote the record. */
  readonly recordRevisions: Map<string, number> = new Map();
  readonly counters: Map<string, number> = new Map();
  readonly balances: Map<string, number> = new Map();
  readonly chains: Map<string, Chain> = new Map();
  readonly problems: string[] = [];
  acknowledged = 0;
  unchanged = 0;
  retriedUnknown = 0;
  forcedUnknown = 0;
  refused = 0;
  readonly #revisions = new Set<number>();
  #highestRevision = 0;
  #lastAckMs: number = machineMs();
  #silences: Span[] = [];

  /** `revision` undefined: it was acknowledged, and changed nothing. */
  acknowledge(revision: number | undefined): void {
    const nowMs = machineMs();
    if (nowMs - this.#lastAckMs >= SILENCE_MS) this.#silences.push([this.#lastAckMs, nowMs]);
    this.#lastAckMs = nowMs;
    this.acknowledged++;
    if (revision === undefined) {
      this.unchanged++;
      return;
    }
    if (this.#revisions.has(revision)) {
      this.problems.push(`revision ${revision} was told to two different requests`);
    }
    this.#revisions.add(revision);
    this.#highestRevision = Math.max(this.#highestRevision, revision);
  }

  /** Distinct requests that changed something. */
  get changes(): number {
    return this.#revisions.size;
  }

  get highestRevision(): number {
    return this.#highestRevision;
  }

  forgetSilences(): void {
    this.#silences = [];
  }

  /** Times without an acknowledged write, each of SILENCE_MS at least, and the present one however short. */
  get silences(): readonly Span[] {
    return [...this.#silences, [this.#lastAckMs, machineMs()]];
  }

  /** Enters into `expected` what counters, accounts and chains must hold now. */
  settleTotals(): void {
    for (const [key, value] of this.counters) this.expected.set(key, String(value));
    for (const [key, value] of this.balances) this.expected.set(key, String(value));
    for (const [key, chain] of this.chains) {
      const end = this.#endOf(key, chain);
      if (end !== undefined) this.expected.set(key, end);
    }
  }

  /** Each swap must follow on another one: a chain without a fork and without a hole. */
  #endOf(key: string, { swaps }: Chain): string | undefined {
    let value: string | undefined;
    for (let length = 0; length <= swaps.size; length++) {
      const next = swaps.get(value ?? '');
      if (next === undefined) {
        if (length !== swaps.size) {
          this.problems.push(`${key}: ${swaps.size} swaps acknowledged, a chain of ${length}`);
        }
        return value;
      }
      value = next;
    }
    this.problems.push(`${key}: its swaps go in a circle`);
    return undefined;
  }
}
