/**
 * One watch: the changes of a range of keys from a revision on, in order, none missed, none twice.
 *
 * A watch holds no changes, only the numbers of revisions that concern it, and takes the changes from
 * the machine's history when it is asked for the next one. So applying never waits for a watcher, and
 * one that does not read costs no more than its numbers. There are at most WATCH_REVISIONS_NOTED_MAX of
 * them; when they are full, it remembers how far they reach (`#searchedTo`), and later searches the
 * history from there. What the history has dropped can not be delivered: the watch ends with
 * WATCH_TOO_SLOW, or REVISION_COMPACTED after a snapshot was installed, and says what to do.
 *
 * Invariant: every revision that is wanted, not delivered and not above `#searchedTo` is noted; while
 * nothing is to be searched (`#isSearching` false), `#searchedTo` stands for "all there are".
 */
import { ClusterError } from '../errors.ts';
import { WATCH_REVISIONS_NOTED_MAX } from '../limits.ts';
import type { ChangeHistory } from './change-history.ts';
import type { KeyRange, KvChange } from './types.ts';

/** What a watch sees of its machine. The history is another one after a restore. */
export interface WatchedMachine {
  readonly history: ChangeHistory;
  forget(watch: KvWatch): void;
}

type End = 'cancelled' | ClusterError;

/** The changes of a range, in order, from one revision on. */
export class KvWatch implements AsyncIterableIterator<KvChange> {
  readonly range: KeyRange;
  readonly #machine: WatchedMachine;
  readonly #noted: number[] = [];
  #notedAt = 0;
  #searchedTo: number;
  #isSearching: boolean;
  /** Settles when everybody who asked before was answered. */
  #turn: Promise<void> = Promise.resolve();
  #wakeUp: (() => void) | undefined;
  #end: End | undefined;

  constructor(machine: WatchedMachine, range: KeyRange, fromRevision: number) {
    this.range = range;
    this.#machine = machine;
    this.#searchedTo = fromRevision - 1;
    this.#isSearching = fromRevision <= machine.history.revision;
  }

  /** Everything below it was delivered, or did not concern this watch: watch again from here. */
  get resumeRevision(): number {
    const noted = this.#noted[this.#notedAt];
    if (noted !== undefined) return noted;
    if (this.#isSearching) return this.#searchedTo + 1;
    return Math.max(this.#searchedTo, this.#machine.history.revision) + 1;
  }

  /** Itself: a watch is read once. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Several may wait; they are answered in the order in which they asked. */
  next(): Promise<IteratorResult<KvChange, undefined>> {
    const answer = this.#turn.then(() => this.#answer());
    this.#turn = answer.then(nothing, nothing);
    return answer;
  }

  /** Ends it; a `next` that waits is answered with "done". Idempotent. */
  cancel(): void {
    this.#finish('cancelled');
  }

  /** Ends the watch. */
  async return(): Promise<IteratorResult<KvChange, undefined>> {
    this.cancel();
    return { done: true, value: undefined };
  }

  /** The machine's: `revision`, just applied, changed something in the range. */
  note(revision: number): void {
    if (this.#isSearching || revision <= this.#searchedTo) return;
    // One change may touch the range more than once.
    if (this.#noted.length > this.#notedAt && this.#noted.at(-1) === revision) return;
    if (this.#noted.length - this.#notedAt >= WATCH_REVISIONS_NOTED_MAX) {
      this.#searchedTo = revision - 1;
      this.#isSearching = true;
    } else this.#noted.push(revision);
    this.#wake();
  }

  /**
   * The machine's: its state was replaced; before, `revision` was its newest. Answers the first revision
   * that is to be noted again, and expects `note` for what concerns it from there on.
   */
  restored(revision: number): number {
    const noted = this.#noted[this.#notedAt];
    if (noted !== undefined) this.#searchedTo = noted - 1;
    else if (!this.#isSearching) this.#searchedTo = Math.max(this.#searchedTo, revision);
    this.#noted.length = 0;
    this.#notedAt = 0;
    this.#isSearching = false;
    const { compactedRevision } = this.#machine.history;
    const wanted = this.#searchedTo + 1;
    if (wanted <= compactedRevision) {
      this.#finish(lost('REVISION_COMPACTED', wanted, compactedRevision));
    }
    return wanted;
  }

  async #answer(): Promise<IteratorResult<KvChange, undefined>> {
    while (true) {
      if (this.#end !== undefined) return this.#finished();
      const change = this.#take();
      if (change !== undefined) return { done: false, value: change };
      if (this.#end !== undefined) return this.#finished();
      await new Promise<void>((resolve) => {
        this.#wakeUp = resolve;
      });
    }
  }

  #take(): KvChange | undefined {
    const { history } = this.#machine;
    if (this.#notedAt === this.#noted.length) this.#search();
    const revision = this.#noted[this.#notedAt];
    if (revision === undefined) return undefined;
    if (revision <= history.compactedRevision) {
      this.#finish(lost('WATCH_TOO_SLOW', revision, history.compactedRevision));
      return undefined;
    }
    if (++this.#notedAt === WATCH_REVISIONS_NOTED_MAX) {
      this.#noted.splice(0, this.#notedAt);
      this.#notedAt = 0;
    }
    return history.read(revision, this.range);
  }

  /** Notes what the history holds behind `#searchedTo`, as far as there is room. */
  #search(): void {
    this.#noted.length = 0;
    this.#notedAt = 0;
    if (!this.#isSearching) return;
    const { history } = this.#machine;
    if (this.#searchedTo < history.compactedRevision) {
      this.#finish(lost('WATCH_TOO_SLOW', this.#searchedTo + 1, history.compactedRevision));
      return;
    }
    while (this.#searchedTo < history.revision) {
      if (this.#noted.length === WATCH_REVISIONS_NOTED_MAX) return;
      const revision = ++this.#searchedTo;
      if (history.touches(revision, this.range)) this.#noted.push(revision);
    }
    this.#isSearching = false;
  }

  #finish(end: End): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#noted.length = 0;
    this.#notedAt = 0;
    this.#machine.forget(this);
    this.#wake();
  }

  /** The error once, to the first who asks; then "done". */
  #finished(): IteratorResult<KvChange, undefined> {
    const end = this.#end;
    this.#end = 'cancelled';
    if (end instanceof ClusterError) throw end;
    return { done: true, value: undefined };
  }

  #wake(): void {
    const wakeUp = this.#wakeUp;
    this.#wakeUp = undefined;
    wakeUp?.();
  }
}

function nothing(): void {}

/** `wanted` is the first revision that can not be delivered. */
export function lost(
  code: 'WATCH_TOO_SLOW' | 'REVISION_COMPACTED',
  wanted: number,
  compactedRevision: number,
): ClusterError {
  const resumeRevision = compactedRevision + 1;
  return new ClusterError(
    code,
    `changes from revision ${wanted} on are wanted, but the history begins at ${resumeRevision}; read the keys again and watch from the revision of that answer plus one`,
    { details: { field: 'fromRevision', wanted, compactedRevision, resumeRevision } },
  );
}
