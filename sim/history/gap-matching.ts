/**
 * Pairs gaps with candidates, each candidate used once: as many gaps as can be had at once.
 *
 * A search that fills gap after gap finds out late, and again and again, that ten gaps have nine
 * candidates left between them. A matching says so at once, and says which gaps they are: those that an
 * alternating path reaches from a gap which stays empty have together one candidate fewer than they are
 * (Hall's condition). [Kuhn, The Hungarian Method, 1955, without the weights]
 */

/** Gaps that stay empty whatever is done, for lack of candidates of those gaps together. */
export interface Shortage {
  readonly gap: number;
  /** With it, all gaps that compete for the same candidates. */
  readonly gaps: readonly number[];
  /** All candidates of those gaps: one fewer than gaps. */
  readonly candidates: ReadonlySet<number>;
}

/**
 * `byGap`: pairs to begin with (they must be allowed); holds a greatest matching afterwards. `edgesOf` says
 * which candidates may go into a gap. The answer tells the gaps left over.
 */
export function matchGaps(
  gaps: readonly number[],
  edgesOf: (gap: number) => readonly number[],
  byGap: Map<number, number>,
): Shortage[] {
  const byCandidate = new Map<number, number>();
  for (const [gap, candidate] of byGap) byCandidate.set(candidate, gap);
  const shortages: Shortage[] = [];
  for (const gap of gaps) {
    if (byGap.has(gap)) continue;
    const reachedFrom = new Map<number, number>();
    const queue = [gap];
    const end = findFree(queue, edgesOf, byCandidate, reachedFrom);
    if (end === undefined) {
      shortages.push({ gap, gaps: queue, candidates: new Set(reachedFrom.keys()) });
      continue;
    }
    for (let candidate: number | undefined = end; candidate !== undefined; ) {
      const taker = reachedFrom.get(candidate) as number;
      const given = byGap.get(taker);
      byGap.set(taker, candidate);
      byCandidate.set(candidate, taker);
      candidate = given;
    }
  }
  return shortages;
}

/** Breadth first along alternating paths; `queue` holds all gaps that were reached afterwards. */
function findFree(
  queue: number[],
  edgesOf: (gap: number) => readonly number[],
  byCandidate: ReadonlyMap<number, number>,
  reachedFrom: Map<number, number>,
): number | undefined {
  for (let i = 0; i < queue.length; i++) {
    const gap = queue[i] as number;
    for (const candidate of edgesOf(gap)) {
      if (reachedFrom.has(candidate)) continue;
      reachedFrom.set(candidate, gap);
      const holder = byCandidate.get(candidate);
      if (holder === undefined) return candidate;
      queue.push(holder);
    }
  }
  return undefined;
}
