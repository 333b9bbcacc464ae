/** Goal: the matching is greatest, and what it says about those left over is true (Hall's condition). */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { matchGaps } from './gap-matching.ts';

/** As many as possible, by trying everything. */
function greatest(
  edges: readonly (readonly number[])[],
  gap = 0,
  used = new Set<number>(),
): number {
  const own = edges[gap];
  if (own === undefined) return 0;
  let best = greatest(edges, gap + 1, used);
  for (const candidate of own) {
    if (used.has(candidate)) continue;
    used.add(candidate);
    best = Math.max(best, 1 + greatest(edges, gap + 1, used));
    used.delete(candidate);
  }
  return best;
}

const anyEdges = fc.array(fc.uniqueArray(fc.nat({ max: 5 }), { maxLength: 4 }), { maxLength: 6 });

it('finds a greatest matching, and gaps that are too many for their candidates', () => {
  const seen = { full: 0, short: 0 };
  fc.assert(
    fc.property(anyEdges, (edges) => {
      const byGap = new Map<number, number>();
      const gaps = edges.map((_, gap) => gap);
      const shortages = matchGaps(gaps, (gap) => edges[gap] ?? [], byGap);
      expect(byGap.size).toBe(greatest(edges));
      expect(new Set(byGap.values()).size).toBe(byGap.size);
      for (const [gap, candidate] of byGap) expect(edges[gap]).toContain(candidate);
      expect(shortages.map(({ gap }) => gap)).toEqual(gaps.filter((gap) => !byGap.has(gap)));
      for (const { gap, gaps: rivals, candidates } of shortages) {
        expect(rivals).toContain(gap);
        const all = new Set(rivals.flatMap((one) => edges[one] ?? []));
        expect(all).toEqual(candidates);
        expect(candidates.size).toBe(rivals.length - 1);
      }
      seen[shortages.length === 0 ? 'full' : 'short']++;
    }),
    { numRuns: 500 },
  );
  expect(Math.min(seen.full, seen.short)).toBeGreaterThan(30);
});

it('begins with what was paired before, and changes it where that gives more', () => {
  const edges = [[0], [0, 1]];
  const byGap = new Map([[1, 0]]);
  expect(matchGaps([0, 1], (gap) => edges[gap] ?? [], byGap)).toEqual([]);
  expect(byGap).toEqual(
    new Map([
      [1, 1],
      [0, 0],
    ]),
  );
});
