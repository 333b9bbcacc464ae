/**
 * Something outside of the cluster that locks protect: a file server, a printer. It trusts nobody's belief
 * about who holds a lock; it knows tokens, and refuses one that is older than what it has seen. That is
 * all that helps where a lock can be taken from a holder who does not know it yet.
 *
 * What it holds to, and reports when it is broken:
 * - one token, one holder: a token that two bring means that the lock was given twice;
 * - where a lock is never taken from anybody (`isExclusive`), nobody comes in before the other has left.
 *
 * Source: N-29; Kleppmann, How to do distributed locking (2016).
 */
import type { Findings } from './findings.ts';

interface Seen {
  token: number;
  holder: string;
  atMs: number;
}

export class FencedResource {
  /** Writes of holders who had lost their lock. */
  refused = 0;
  readonly #findings: Findings;
  readonly #newest: Map<string, Seen> = new Map();
  readonly #inside: Map<string, Seen> = new Map();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** False: a newer token was seen; the holder's lock is gone. */
  write(lock: string, holder: string, token: number, atMs: number): boolean {
    const seen = this.#newest.get(lock);
    if (seen !== undefined && token < seen.token) {
      this.refused += 1;
      return false;
    }
    if (seen !== undefined && token === seen.token && holder !== seen.holder) {
      this.#findings.found(
        'one holder a token',
        `${holder} and ${seen.holder} both hold ${lock} by token ${token} ` +
          `(at ${atMs.toFixed(3)} and ${seen.atMs.toFixed(3)} ms)`,
      );
    }
    this.#newest.set(lock, { token, holder, atMs });
    return true;
  }

  /** Of a lock that is never taken from its holder. */
  enter(lock: string, holder: string, token: number, atMs: number): void {
    const other = this.#inside.get(lock);
    if (other !== undefined) {
      this.#findings.found(
        'one holder at a time',
        `${holder} was given ${lock} (token ${token}, ${atMs.toFixed(3)} ms) while ${other.holder} ` +
          `held it (token ${other.token}, since ${other.atMs.toFixed(3)} ms) and had not let go`,
      );
    }
    this.#inside.set(lock, { token, holder, atMs });
  }

  leave(lock: string, holder: string): void {
    if (this.#inside.get(lock)?.holder === holder) this.#inside.delete(lock);
  }
}
