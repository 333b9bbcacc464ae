/**
 * Goal: the solver finds a filling where there is one and says "none" where there is none, with clauses that
 * come in while it goes on; and it does not go through choices that have nothing to do with a failure.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Literal, PlacementSolver } from './placement-solver.ts';

/** [gap, candidate, whether it must be there or must not] */
type Part = readonly [number, number, boolean];

/** How many of the first candidates each gap may hold, and what else must hold. */
interface Question {
  readonly allowed: readonly number[];
  readonly clauses: readonly (readonly Part[])[];
}

const anyQuestion: fc.Arbitrary<Question> = fc
  .tuple(
    fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
    fc.array(
      fc.array(fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 4 }), fc.boolean()), {
        minLength: 1,
        maxLength: 3,
      }),
      { maxLength: 14 },
    ),
  )
  .map(([counts, all]) => {
    const allowed = counts.sort((a, b) => a - b);
    const exists = ([gap, candidate]: Part) => candidate < (allowed[gap] ?? 0);
    const clauses = all.map((clause) => clause.filter(exists)).filter(({ length }) => length > 0);
    return { allowed, clauses };
  });

function satisfies(filling: readonly number[], clauses: Question['clauses']): boolean {
  return clauses.every((clause) => clause.some((part) => holds(filling, part)));
}

function holds(filling: readonly number[], [gap, candidate, isThere]: Part): boolean {
  return (filling[gap] === candidate) === isThere;
}

function isPossible({ allowed, clauses }: Question, filling: readonly number[] = []): boolean {
  if (filling.length === allowed.length) return satisfies(filling, clauses);
  const count = allowed[filling.length] as number;
  return Array.from({ length: count }, (_, i) => i).some(
    (candidate) =>
      !filling.includes(candidate) && isPossible({ allowed, clauses }, [...filling, candidate]),
  );
}

/** Tells clauses only when a filling breaks them, as the search does. */
function solve({ allowed, clauses }: Question): number[] | undefined {
  const filling: number[] = [];
  const solver = new PlacementSolver(allowed, {
    placed: (gap, candidate) => {
      filling[gap] = candidate;
    },
    takenBack: (gap) => {
      delete filling[gap];
    },
  });
  const literal = ([gap, candidate, isThere]: Part): Literal =>
    solver.literal(gap, candidate) + (isThere ? 0 : 1);
  while (solver.settle()) {
    const literals = clauses.map((clause) => [...new Set(clause.map(literal))]);
    const broken = literals.find((clause) =>
      clause.every((one) => !solver.holds(one) && !solver.isOpen(one)),
    );
    if (broken !== undefined) {
      solver.add(broken);
      continue;
    }
    const unsure = literals.find((clause) => !clause.some((one) => solver.holds(one)));
    const open = (unsure ?? []).find((one) => solver.isOpen(one));
    const gap = allowed.findIndex((_, at) => filling[at] === undefined);
    if (open === undefined && gap === -1) return filling;
    const first = (solver.openCandidates(gap)[0] ?? 0) as number;
    solver.choose(open ?? solver.literal(gap, first));
  }
  return undefined;
}

describe('placements', () => {
  it('are found exactly where there are any', () => {
    const seen = { found: 0, none: 0 };
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const found = solve(question);
        expect(found !== undefined).toBe(isPossible(question));
        if (found !== undefined) {
          expect(new Set(found).size).toBe(question.allowed.length);
          expect(satisfies(found, question.clauses)).toBe(true);
        }
        seen[found === undefined ? 'none' : 'found']++;
      }),
      { numRuns: 2_000 },
    );
    expect(Math.min(seen.found, seen.none)).toBeGreaterThan(200);
  });

  it('go back past choices that have nothing to do with what fails', () => {
    const placed = new Set<number>();
    // Gaps 0 and 1 may hold candidates 0 to 2; each later one has two more to choose from.
    const allowed = Array.from({ length: 40 }, (_, gap) => 2 * gap + 3);
    const solver = new PlacementSolver(allowed, {
      placed: (gap) => placed.add(gap),
      takenBack: (gap) => placed.delete(gap),
    });
    solver.choose(solver.literal(0, 0));
    for (let gap = 2; gap < 40; gap++) {
      expect(solver.settle()).toBe(true);
      solver.choose(solver.literal(gap, 2 * gap + 2));
    }
    expect(solver.settle()).toBe(true);
    // Only candidate 0 may go into gap 1, which nobody has said before.
    for (const candidate of [1, 2, 3, 4]) {
      expect(solver.add([solver.literal(1, candidate) + 1])).toBe(true);
      expect(solver.settle()).toBe(true);
    }
    expect(solver.holds(solver.literal(1, 0))).toBe(true);
    expect(solver.isRuledOut(0, 0)).toBe(true);
  });
});
