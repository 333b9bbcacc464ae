/**
 * Which entries are known to be committed, as told by whoever says so first: the commit index in what a node
 * stores, in what a leader sends, and what a state machine is given. Such a claim is about the log of the
 * one who makes it, so the entry is the one that it holds there.
 *
 * `knownIn` is the term of the one who knew it. The entry was committed in that term or before, so every
 * leader of a later term must have it (paper 5.4.3). Who applies an entry says nothing of terms; what only
 * he knows binds no leader until somebody tells a term.
 */
import type { LogIndex, Term } from '../../src/raft/index.ts';
import type { MachineLog } from './machine-log.ts';

/** The founding snapshot's place: every founder writes it by itself, before there is a majority. */
export const FOUNDING_INDEX: LogIndex = 1;
const FOUNDING_TERM: Term = 1;

export class CommitLedger {
  /** By index. 0: committed, but whoever said so had the entry in a snapshot. */
  readonly #terms: Term[] = [0, FOUNDING_TERM];
  readonly #knownIn: Term[] = [0, FOUNDING_TERM];

  /** Everything up to here is known to be committed. */
  get last(): LogIndex {
    return this.#terms.length - 1;
  }

  /** Everything up to here is known with a term. */
  get lastKnownIn(): LogIndex {
    return this.#knownIn.length - 1;
  }

  termAt(index: LogIndex): Term | undefined {
    const term = this.#terms[index];
    return term === 0 ? undefined : term;
  }

  knownIn(index: LogIndex): Term | undefined {
    return this.#knownIn[index];
  }

  /** Somebody with this log says that all up to `commit` is committed, in `term` if he knows. */
  note(log: MachineLog, commit: LogIndex, term: Term | undefined): void {
    const upTo = Math.min(commit, log.lastIndex);
    for (let i = this.last + 1; i <= upTo; i++) this.#terms.push(log.termAt(i) ?? 0);
    if (term === undefined) return;
    for (let i = this.lastKnownIn + 1; i <= upTo; i++) this.#knownIn.push(term);
  }
}
