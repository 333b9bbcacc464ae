/**
 * Finds writes of unknown outcome for the revisions that nobody owned up to.
 *
 * The replay runs with all of them left out until an answer does not fit. What must be different is said
 * as a clause (mismatch-clause.ts), a placement that satisfies it is chosen (placement-solver.ts), and the
 * replay goes on from there. When everything fits, missing revisions remain that no answer shows: those
 * are given to writes which the next write to their key hides (hidden-writes.ts), and where that does not
 * work out, one more placement is chosen. Every missing revision must be filled: a revision that no client
 * caused would be a write from nowhere. Before each replay it is asked whether there are candidates enough
 * for the gaps that are left (gap-matching.ts).
 *
 * An early choice may turn out wrong at the very end, when unrelated ones lie on top of it. The solver goes
 * back to the one that was wrong and remembers why, so what has nothing to do with it costs nothing.
 *
 * Who knows which revision an unknown write took (a simulator does) may say so in its `revision`. That is
 * tried first, and verified like everything else: if it explains all answers, they can be explained; if it
 * does not, the search begins as if nothing had been said.
 *
 * Finding a filling is a hard problem in general (sums of increments are the subset sum problem). The
 * search gives up at a bound, and says so.
 */
import { matchGaps, type Shortage } from './gap-matching.ts';
import { hideInGaps } from './hidden-writes.ts';
import { MismatchClauses } from './mismatch-clause.ts';
import type { HistoryOperation } from './operation.ts';
import { type Literal, PlacementSolver } from './placement-solver.ts';
import { keysOf } from './register-parts.ts';
import type { RevisionEvents } from './revision-events.ts';
import { type Mismatch, RevisionReplay } from './revision-replay.ts';

/** Pairs of gap and candidate; what has more of them takes too much memory to be searched. */
const PAIRS_MAX = 4_000_000;

export type RevisionSearchResult = 'found' | 'none' | 'hopeless' | 'gave up';

export class RevisionSearch {
  readonly replay: RevisionReplay;
  readonly #events: RevisionEvents;
  readonly #stepsMax: number;
  readonly #history: readonly HistoryOperation[];
  readonly #used = new Set<number>();
  /** Gap to candidate: the last answer to whether there are enough. */
  readonly #enough = new Map<number, number>();
  #solver: PlacementSolver | undefined;
  /** The mismatch farthest along, for people. */
  #worst: Mismatch | undefined;
  #nodes = 0;
  /** From here on the store does not show the placements of now. */
  #lowestChange = 0;

  constructor(events: RevisionEvents, history: readonly HistoryOperation[], stepsMax: number) {
    this.#events = events;
    this.#stepsMax = stepsMax;
    this.#history = history;
    this.replay = new RevisionReplay(events, history);
  }

  get steps(): number {
    return this.replay.steps + this.#nodes + (this.#solver?.steps ?? 0);
  }

  get mismatch(): Mismatch | undefined {
    return this.#worst;
  }

  run(): RevisionSearchResult {
    if (this.#fitsAsHinted()) return 'found';
    const allowed = this.#allowed();
    if (allowed.reduce((sum, count) => sum + count, 0) > PAIRS_MAX) return 'gave up';
    const solver = this.#makeSolver(allowed);
    const clauses = new MismatchClauses(
      this.#events,
      solver,
      this.replay.placed,
      keysOf(this.#history),
    );
    while (solver.settle()) {
      if (this.steps > this.#stepsMax) return 'gave up';
      this.#nodes++;
      const shortage = this.#shortage(solver);
      if (shortage !== undefined) {
        solver.add(clauseOfShortage(solver, shortage));
        continue;
      }
      const wrong = this.replay.run(this.#lowestChange);
      // Where it stopped it must be looked at again, even if nothing before that is changed.
      this.#lowestChange = wrong?.revision ?? Number.POSITIVE_INFINITY;
      if (wrong === undefined) {
        if (this.#fillRest(solver)) return 'found';
        continue;
      }
      if (this.#worst === undefined || wrong.revision >= this.#worst.revision) this.#worst = wrong;
      const clause = clauses.of(wrong);
      if (clause.length === 0) {
        this.#worst = wrong;
        return 'hopeless';
      }
      solver.add(clause);
      // Conclusions first: a choice on top of open ones would hide what they follow from.
      if (solver.settle() && !clause.some((one) => solver.holds(one))) {
        this.#chooseOf(solver, clause);
      }
    }
    // Without any contradiction among the answers: the gaps alone can not be filled.
    this.#worst ??= this.replay.run(0);
    return 'none';
  }

  /** How many of the first candidates were called early enough for each gap. */
  #allowed(): number[] {
    const { candidates, missing } = this.#events;
    let count = 0;
    return missing.map((revision) => {
      while (count < candidates.length && (candidates[count]?.above as number) < revision) count++;
      return count;
    });
  }

  #makeSolver(allowed: readonly number[]): PlacementSolver {
    const { candidates, missing } = this.#events;
    const note = (gap: number, candidate: number, isPlaced: boolean): void => {
      const revision = missing[gap] as number;
      const operation = candidates[candidate]?.operation as HistoryOperation;
      if (isPlaced) {
        this.replay.placed.set(revision, operation);
        this.#used.add(candidate);
      } else {
        this.replay.placed.delete(revision);
        this.#used.delete(candidate);
      }
      this.#lowestChange = Math.min(this.#lowestChange, revision);
    };
    this.#solver = new PlacementSolver(allowed, {
      placed: (gap, candidate) => note(gap, candidate, true),
      takenBack: (gap, candidate) => note(gap, candidate, false),
    });
    return this.#solver;
  }

  /** Whether the revisions that were said of unknown writes explain everything. */
  #fitsAsHinted(): boolean {
    const { candidates, missing, writers } = this.#events;
    const { placed } = this.replay;
    for (const { operation, above } of candidates) {
      const { revision = 0 } = operation;
      if (operation.ok !== null || revision <= above || revision >= writers.length) continue;
      if (writers[revision] === undefined) placed.set(revision, operation);
    }
    const isFull = missing.every((revision) => placed.has(revision));
    if (isFull && this.replay.run(0) === undefined) return true;
    placed.clear();
    return false;
  }

  /** Gaps which have too few candidates between them, as things are. */
  #shortage(solver: PlacementSolver): Shortage | undefined {
    for (const [gap, candidate] of this.#enough) {
      if (solver.isRuledOut(gap, candidate)) this.#enough.delete(gap);
    }
    const gaps = this.#events.missing.map((_, gap) => gap);
    const [first] = matchGaps(gaps, (gap) => solver.openCandidates(gap), this.#enough);
    return first;
  }

  /** Everything fits so far. False: one more is placed, and all must be looked at again. */
  #fillRest(solver: PlacementSolver): boolean {
    const { missing } = this.#events;
    const rest = missing.flatMap((at, gap) => (this.replay.placed.has(at) ? [] : [gap]));
    const hidden = hideInGaps(this.#events, this.replay, rest, this.#used);
    if (hidden.left.length === 0) return true;
    // The one with the fewest left to try.
    let fewest: readonly number[] | undefined;
    let chosen = 0;
    for (const gap of hidden.left) {
      const open = solver.openCandidates(gap);
      if (fewest !== undefined && open.length >= fewest.length) continue;
      fewest = open;
      chosen = gap;
    }
    const literals = (fewest ?? []).map((candidate) => solver.literal(chosen, candidate));
    const quiet = new Set(
      (fewest ?? [])
        .filter((candidate) => hidden.isHidden(chosen, candidate))
        .map((candidate) => solver.literal(chosen, candidate)),
    );
    this.#chooseOf(solver, quiet.size > 0 ? [...quiet] : literals);
    return false;
  }

  /** The one that had most to do with what went wrong; of equals the last. */
  #chooseOf(solver: PlacementSolver, literals: readonly Literal[]): void {
    let best: Literal | undefined;
    for (const literal of literals) {
      if (!solver.isOpen(literal)) continue;
      if (best === undefined || solver.weight(literal) >= solver.weight(best)) best = literal;
    }
    if (best !== undefined) solver.choose(best);
  }
}

/** One of those gaps must get a candidate that is ruled out for it now. */
function clauseOfShortage(solver: PlacementSolver, { gaps, candidates }: Shortage): Literal[] {
  return gaps.flatMap((gap) =>
    solver
      .candidatesOf(gap)
      .filter((candidate) => !candidates.has(candidate))
      .map((candidate) => solver.literal(gap, candidate)),
  );
}
