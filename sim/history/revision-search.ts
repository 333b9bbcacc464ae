/**
 * Finds writes of unknown outcome for the revisions that nobody owned up to.
 *
 * The replay runs with all of them left out until an answer does not fit. Then some key held the wrong
 * thing, and since the last answer that says what the key held (it holds whatever is placed) somebody else
 * must have written it: one of the candidates that can write what is needed, at a missing revision in
 * between. Each of these is tried, the replay goes back to it and on from there. Where the wrong value
 * came from a placed write that depends on others (an increment, a transaction), what it depends on is
 * blamed too. What explains all answers contains, at each such point, one of the tried placements, so
 * nothing is missed; and where there is none to try, used or unused, no filling can help: a violation
 * whatever else is placed.
 *
 * In the end missing revisions may remain that no answer shows. Most are writes that the next write to
 * their key hides: these are filled by looking, the others by trying again. Every missing revision must be
 * filled: a revision that no client caused would be a write from nowhere.
 *
 * The search may go through many combinations in the worst case. It gives up at a bound, and says so.
 */
import { assert } from '../../src/errors.ts';
import { fillHidden } from './hidden-writes.ts';
import { type HistoryOperation, type HistoryStep, rangeHoldsKey, takenSteps } from './operation.ts';
import { keysOf } from './register-parts.ts';
import type { Candidate, RevisionEvents } from './revision-events.ts';
import { type Blame, type Mismatch, RevisionReplay } from './revision-replay.ts';

/** A write of a candidate at a missing revision. */
interface Placement {
  readonly revision: number;
  readonly candidate: Candidate;
}

/** A point of the search: what is left to try, and what is being tried. */
interface Frame {
  readonly options: Placement[];
  placed: Placement | undefined;
}

export type RevisionSearchResult = 'found' | 'none' | 'hopeless' | 'gave up';

export class RevisionSearch {
  readonly replay: RevisionReplay;
  readonly #events: RevisionEvents;
  readonly #stepsMax: number;
  readonly #used = new Set<Candidate>();
  readonly #tried = new Set<string>();
  readonly #numbers = new Map<HistoryOperation, number>();
  /** The mismatch farthest along, for people. */
  #worst: Mismatch | undefined;
  #hopeless: Mismatch | undefined;
  #nodes = 0;
  /** From here on the store does not show the placements of now. */
  #lowestChange: number = Number.POSITIVE_INFINITY;

  constructor(events: RevisionEvents, history: readonly HistoryOperation[], stepsMax: number) {
    this.#events = events;
    this.#stepsMax = stepsMax;
    this.replay = new RevisionReplay(events, history);
    for (const [i, { operation }] of events.candidates.entries()) this.#numbers.set(operation, i);
  }

  get steps(): number {
    return this.replay.steps + this.#nodes;
  }

  get mismatch(): Mismatch | undefined {
    return this.#hopeless ?? this.#worst;
  }

  run(): RevisionSearchResult {
    const stack: Frame[] = [];
    let wrong = this.replay.run(0);
    for (;;) {
      const options = this.#next(wrong);
      if (options === 'found') return 'found';
      if (this.#hopeless !== undefined) return 'hopeless';
      if (this.steps > this.#stepsMax) return 'gave up';
      stack.push({ options, placed: undefined });
      if (!this.#advance(stack)) return 'none';
      wrong = this.replay.run(this.#lowestChange);
      this.#lowestChange = Number.POSITIVE_INFINITY;
    }
  }

  /** The next placement that was not tried yet; false: there is none. */
  #advance(stack: Frame[]): boolean {
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      if (frame.placed !== undefined) this.#unplace(frame.placed);
      frame.placed = frame.options.shift();
      if (frame.placed === undefined) stack.pop();
      else if (this.#place(frame.placed)) return true;
    }
    return false;
  }

  /** What may be placed next. */
  #next(wrong: Mismatch | undefined): Placement[] | 'found' {
    this.#nodes++;
    if (wrong !== undefined) {
      if (this.#worst === undefined || wrong.revision >= this.#worst.revision) this.#worst = wrong;
      return this.#explanations(wrong);
    }
    const unfilled = this.#events.missing.filter((at) => !this.replay.placed.has(at));
    if (unfilled.length === 0 || fillHidden(this.#events, this.replay, this.#used)) return 'found';
    const revision = unfilled[0] as number;
    return this.#events.candidates
      .filter((candidate) => candidate.above < revision && !this.#used.has(candidate))
      .map((candidate) => ({ revision, candidate }));
  }

  /** False: these placements were tried together before, in another order. */
  #place({ revision, candidate }: Placement): boolean {
    this.replay.placed.set(revision, candidate.operation);
    this.#used.add(candidate);
    this.#lowestChange = Math.min(this.#lowestChange, revision);
    const name = [...this.replay.placed]
      .sort(([a], [b]) => a - b)
      .map(([at, operation]) => `${at}:${this.#numbers.get(operation)}`)
      .join(' ');
    if (this.#tried.has(name)) return false;
    this.#tried.add(name);
    return true;
  }

  #unplace({ revision, candidate }: Placement): void {
    assert(this.replay.placed.delete(revision), 'what is taken back was placed', { revision });
    this.#used.delete(candidate);
    this.#lowestChange = Math.min(this.#lowestChange, revision);
  }

  #explanations(wrong: Mismatch): Placement[] {
    const options: Placement[] = [];
    let isHopeless = !wrong.isPlaced;
    const seen = new Set<string>();
    const todo: { blame: Blame; before: number }[] = wrong.blames.map((blame) => ({
      blame,
      before: this.#seesUpTo(wrong),
    }));
    for (let next = todo.shift(); next !== undefined; next = todo.shift()) {
      const { blame, before } = next;
      const name = JSON.stringify([blame, before]);
      if (seen.has(name)) continue;
      seen.add(name);
      const since = this.#lastKnown(blame.key, before, wrong);
      const writers = [...this.replay.placed]
        .filter(([at, op]) => at > since && at < before && mayWrite(op, blame.key))
        .sort(([a], [b]) => a - b);
      if (writers.length > 0) isHopeless = false;
      for (const [at, operation] of writers) {
        for (const key of inputsOf(operation))
          todo.push({ blame: { key, needed: undefined }, before: at });
      }
      const from = Math.max(since, writers.at(-1)?.[0] ?? 0);
      for (const candidate of this.#events.candidates) {
        if (!mayWrite(candidate.operation, blame.key, blame.needed)) continue;
        const lowest = Math.max(from, candidate.above);
        if (this.#missingBetween(Math.max(since, candidate.above), before).length > 0)
          isHopeless = false;
        if (this.#used.has(candidate)) continue;
        for (const revision of this.#missingBetween(lowest, before)) {
          if (!this.replay.placed.has(revision)) options.push({ revision, candidate });
        }
      }
    }
    if (isHopeless) this.#hopeless = wrong;
    return options;
  }

  /** The first revision whose change it does not see. */
  #seesUpTo({ revision, operation, isPlaced }: Mismatch): number {
    return isPlaced || this.#events.writers[revision] === operation ? revision : revision + 1;
  }

  #missingBetween(after: number, before: number): number[] {
    const { missing } = this.#events;
    let low = 0;
    let high = missing.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((missing[middle] as number) <= after) low = middle + 1;
      else high = middle;
    }
    const found: number[] = [];
    for (let i = low; i < missing.length && (missing[i] as number) < before; i++) {
      found.push(missing[i] as number);
    }
    return found;
  }

  /** The last revision below `before` at which answers alone say what the key held; 0: the empty store. */
  #lastKnown(key: string, before: number, wrong: Mismatch): number {
    for (let at = before - 1; at > 0; at--) {
      const writer = this.#events.writers[at];
      if (writer !== undefined && tellsValue(writer, key)) return at;
      const readers = this.#events.readers.get(at) ?? [];
      if (
        readers.some((reader) => reader !== wrong.operation && this.#agreed(reader, key, at, wrong))
      ) {
        return at;
      }
    }
    return 0;
  }

  /** Readers of the revision where it went wrong count only if they were compared before that. */
  #agreed(reader: HistoryOperation, key: string, at: number, wrong: Mismatch): boolean {
    if (!tellsValue(reader, key)) return false;
    if (at < wrong.revision) return true;
    const readers = this.#events.readers.get(at) ?? [];
    return readers.indexOf(reader) < readers.indexOf(wrong.operation);
  }
}

/** Whether it may write the key, and if so what is needed there; `needed` undefined: anything. */
function mayWrite(operation: HistoryOperation, key: string, needed?: string | null): boolean {
  const { op, value } = operation;
  if (op === 'txn') {
    const steps = [...(operation.then ?? []), ...(operation.else ?? [])];
    return steps.some((step) => stepMayWrite(step, key, needed));
  }
  if (op === 'get' || op === 'range') return false;
  return stepMayWrite({ op: op === 'cas' ? 'put' : op, key: operation.key, value }, key, needed);
}

function stepMayWrite(step: HistoryStep, key: string, needed: string | null | undefined): boolean {
  if (step.key !== key || step.op === 'get') return false;
  if (needed === undefined) return true;
  if (step.op === 'put') return step.value === needed;
  if (step.op === 'delete') return needed === null;
  return needed !== null;
}

/** Keys on which it depends what a write writes. Whether it writes is another matter: it must. */
function inputsOf(operation: HistoryOperation): Set<string> {
  if (operation.op === 'txn') return keysOf([operation]);
  return new Set(operation.op === 'increment' ? [operation.key] : []);
}

/** Whether its answer alone says what the key holds afterwards. */
function tellsValue(operation: HistoryOperation, key: string): boolean {
  switch (operation.op) {
    case 'range':
      // What was cut off is not known; taking the whole as unknown is safe, only slower.
      return !(operation.output as { more: boolean }).more && isInRange(operation, key);
    case 'txn':
      return takenSteps(operation).some(({ step }) => step.key === key);
    case 'cas':
      return operation.key === key && operation.output === true;
    default:
      return operation.key === key;
  }
}

function isInRange({ key: start, end }: HistoryOperation, key: string): boolean {
  return rangeHoldsKey(start, end, key);
}
