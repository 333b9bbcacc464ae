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
import type { Candidate, RevisionEvents } from './revision-events.ts';
import { type Blame, inputsOf, type Mismatch, RevisionReplay } from './revision-replay.ts';

/** A write of a candidate at a missing revision. */
interface Placement {
  readonly revision: number;
  readonly candidate: Candidate;
}

/** What is wrong with a key, as seen by what does not see the change of `before` and what is after it. */
interface BlamedAt extends Blame {
  readonly before: number;
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

  /** Placements that may mend it. None at all, whatever is placed now: it is hopeless. */
  #explanations(wrong: Mismatch): Placement[] {
    const options: Placement[] = [];
    const seen = new Set<string>();
    const before = this.#seesUpTo(wrong);
    const todo: BlamedAt[] = wrong.blames.map((blame) => ({ ...blame, before }));
    let isHopeless = !wrong.isPlaced;
    for (let blamed = todo.shift(); blamed !== undefined; blamed = todo.shift()) {
      const name = JSON.stringify(blamed);
      if (seen.has(name)) continue;
      seen.add(name);
      const since = blamed.isDeep ? 0 : this.#lastKnown(blamed, wrong);
      const writers = [...this.replay.placed]
        .filter(([at, one]) => at > since && at < blamed.before && mayWrite(one, blamed.key))
        .sort(([a], [b]) => a - b);
      for (const [at, operation] of writers) {
        if (operation.op !== 'txn' && operation.op !== 'increment') continue;
        for (const input of inputsOf(operation)) todo.push({ ...input, before: at });
      }
      // What was placed last decides the value (if it wrote the key: of a transaction that is not said),
      // but every write shows in versions.
      const certain = writers.filter(([, { op }]) => op !== 'txn').at(-1)?.[0];
      const from = blamed.isDeep ? 0 : (certain ?? since);
      const isPossible = this.#addWriters(blamed, { since, from }, options);
      if (isPossible || writers.length > 0) isHopeless = false;
    }
    if (isHopeless) this.#hopeless = wrong;
    return options;
  }

  /** Answers whether any candidate could ever be placed there, used or not. */
  #addWriters(
    { key, needed, before }: BlamedAt,
    { since, from }: { since: number; from: number },
    options: Placement[],
  ): boolean {
    let isPossible = false;
    for (const candidate of this.#events.candidates) {
      const { operation, above } = candidate;
      if (above >= before || !mayWrite(operation, key, needed)) continue;
      for (const revision of this.#missingBetween(Math.max(since, above), before)) {
        isPossible = true;
        if (revision <= from || this.#used.has(candidate)) continue;
        if (!this.replay.placed.has(revision)) options.push({ revision, candidate });
      }
    }
    return isPossible;
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
  #lastKnown({ key, before }: BlamedAt, wrong: Mismatch): number {
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
