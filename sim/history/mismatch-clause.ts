/**
 * What must be different so that an answer fits which did not: a clause for placement-solver.ts.
 *
 * Some key held the wrong thing. The last answer before that says what the key held is an anchor: it holds
 * whatever is placed. So, since the anchor, either the placed write that made the wrong value goes away, or
 * another one of the candidates that can write what is needed comes behind it, at a missing revision before
 * the answer. Where the wrong value depends on what was there before (an increment, a transaction), what it
 * depends on may be different instead, back to the anchors of those keys.
 *
 * The rule it protects: whatever true filling there is, it satisfies the clause. Nothing may be said that
 * holds only because of what happens to be placed without denying that placement. An empty clause therefore
 * is a violation, whatever is placed.
 */
import {
  type HistoryOperation,
  type HistoryStep,
  isRead,
  rangeHoldsKey,
  takenSteps,
} from './operation.ts';
import type { Literal, PlacementSolver } from './placement-solver.ts';
import { keysOf } from './register-parts.ts';
import type { RevisionEvents } from './revision-events.ts';
import { type Blame, inputsOf, type Mismatch } from './revision-replay.ts';

/** What is wrong with a key, as seen by what does not see the change of `before` and what is after it. */
interface BlamedAt extends Blame {
  readonly before: number;
}

export class MismatchClauses {
  readonly #events: RevisionEvents;
  readonly #solver: PlacementSolver;
  /** The gap and candidate placed there, by revision. */
  readonly #placed: ReadonlyMap<number, HistoryOperation>;
  readonly #candidateOf: ReadonlyMap<HistoryOperation, number>;
  readonly #gapOf: ReadonlyMap<number, number>;
  /** Revisions at which answers alone say what a key held, by key, in order. */
  readonly #anchors = new Map<string, number[]>();

  constructor(
    events: RevisionEvents,
    solver: PlacementSolver,
    placed: ReadonlyMap<number, HistoryOperation>,
    keys: Iterable<string>,
  ) {
    this.#events = events;
    this.#solver = solver;
    this.#placed = placed;
    this.#candidateOf = new Map(events.candidates.map(({ operation }, i) => [operation, i]));
    this.#gapOf = new Map(events.missing.map((revision, gap) => [revision, gap]));
    const all = [...keys];
    for (let at = 0; at < events.writers.length; at++) this.#noteAnchors(at, all);
  }

  /** The shortest one of those that follow: every wrong key of a range must be mended. */
  of(wrong: Mismatch): Literal[] {
    const before = this.#seesUpTo(wrong);
    const { operation, revision, isPlaced } = wrong;
    const groups =
      operation.op === 'range' ? wrong.blames.map((blame) => [blame]) : [[...wrong.blames]];
    let shortest: Literal[] | undefined;
    for (const group of groups) {
      const clause = new Set<Literal>();
      if (isPlaced) clause.add(this.#denied(revision, operation));
      this.#collect(
        group.map((blame) => ({ ...blame, before })),
        wrong,
        clause,
      );
      if (shortest === undefined || clause.size < shortest.length) shortest = [...clause];
    }
    return shortest ?? [];
  }

  #collect(todo: BlamedAt[], wrong: Mismatch, clause: Set<Literal>): void {
    const seen = new Set<string>();
    for (let blamed = todo.shift(); blamed !== undefined; blamed = todo.shift()) {
      const name = JSON.stringify(blamed);
      if (seen.has(name)) continue;
      seen.add(name);
      const { key, before, isDeep } = blamed;
      const since = isDeep ? 0 : this.#lastAnchor(blamed, wrong);
      const writers = this.#writersBetween(key, since, before);
      // What was placed last decides the value (if it wrote the key: of a transaction that is not said),
      // but every write shows in versions.
      const certain = isDeep ? -1 : writers.findLastIndex(([, { op }]) => op !== 'txn');
      const deciding = certain === -1 ? writers : writers.slice(certain);
      const from = certain === -1 ? since : (writers[certain]?.[0] as number);
      for (const [at, operation] of deciding) {
        clause.add(this.#denied(at, operation));
        if (operation.op !== 'txn' && operation.op !== 'increment') continue;
        for (const input of inputsOf(operation)) todo.push({ ...input, before: at });
      }
      this.#addWriters(blamed, from, new Set(deciding.map(([at]) => at)), clause);
    }
  }

  #denied(revision: number, operation: HistoryOperation): Literal {
    const gap = this.#gapOf.get(revision) as number;
    return this.#solver.literal(gap, this.#candidateOf.get(operation) as number) ^ 1;
  }

  #writersBetween(key: string, since: number, before: number): [number, HistoryOperation][] {
    const writers: [number, HistoryOperation][] = [];
    for (const revision of this.#missingBetween(since, before)) {
      const operation = this.#placed.get(revision);
      if (operation !== undefined && mayWrite(operation, key)) writers.push([revision, operation]);
    }
    return writers;
  }

  #addWriters(
    { key, needed, before }: BlamedAt,
    from: number,
    writing: ReadonlySet<number>,
    clause: Set<Literal>,
  ): void {
    const gaps = this.#missingBetween(from, before)
      .filter((revision) => !writing.has(revision))
      .map((revision) => this.#gapOf.get(revision) as number);
    if (gaps.length === 0) return;
    for (const [i, { operation }] of this.#events.candidates.entries()) {
      if (!mayWrite(operation, key, needed)) continue;
      for (const gap of gaps) {
        if (this.#solver.isAllowed(gap, i)) clause.add(this.#solver.literal(gap, i));
      }
    }
  }

  /** The first revision whose change it does not see. */
  #seesUpTo({ revision, operation, isPlaced }: Mismatch): number {
    return isPlaced || this.#events.writers[revision] === operation ? revision : revision + 1;
  }

  #missingBetween(after: number, before: number): number[] {
    const { missing } = this.#events;
    const found: number[] = [];
    for (let i = firstAtLeast(missing, after + 1); i < missing.length; i++) {
      const revision = missing[i] as number;
      if (revision >= before) break;
      found.push(revision);
    }
    return found;
  }

  #noteAnchors(revision: number, keys: readonly string[]): void {
    const writer = this.#events.writers[revision];
    const readers = this.#events.readers.get(revision) ?? [];
    for (const operation of writer === undefined ? readers : [writer, ...readers]) {
      const named = operation.op === 'range' ? keys : keysOf([operation]);
      for (const key of named) {
        if (!tellsValue(operation, key)) continue;
        const list = this.#anchors.get(key);
        if (list === undefined) this.#anchors.set(key, [revision]);
        else if (list.at(-1) !== revision) list.push(revision);
      }
    }
  }

  /** The last revision below `before` at which answers alone say what the key held; 0: the empty store. */
  #lastAnchor({ key, before }: BlamedAt, wrong: Mismatch): number {
    const anchors = this.#anchors.get(key) ?? [];
    let i = firstAtLeast(anchors, before) - 1;
    // What does not fit is no anchor for itself, nor is what was not compared before it.
    if (anchors[i] === wrong.revision && !this.#wasToldBefore(key, wrong)) i--;
    return anchors[i] ?? 0;
  }

  #wasToldBefore(key: string, { revision, operation }: Mismatch): boolean {
    const writer = this.#events.writers[revision];
    const readers = this.#events.readers.get(revision) ?? [];
    const compared = [...(writer === undefined ? [] : [writer]), ...readers];
    return compared.slice(0, compared.indexOf(operation)).some((one) => tellsValue(one, key));
  }
}

function firstAtLeast(sorted: readonly number[], least: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether it may write the key, and if so what is needed there; `needed` undefined: anything. */
function mayWrite(operation: HistoryOperation, key: string, needed?: string | null): boolean {
  const { op, value } = operation;
  if (op === 'txn') {
    const steps = [...(operation.then ?? []), ...(operation.else ?? [])];
    return steps.some((step) => stepMayWrite(step, key, needed));
  }
  if (isRead(operation)) return false;
  const step = { op: op === 'cas' ? 'put' : op, key: operation.key, value } as HistoryStep;
  return stepMayWrite(step, key, needed);
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
