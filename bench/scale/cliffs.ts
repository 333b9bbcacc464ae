/**
 * Is there a cliff in a curve? Between two neighbours the rate may fall as the work of an operation grows (more
 * bytes, more members, more who are told), and no further: what it falls beyond that is the step's own. The
 * steepest step is what the demand is judged by.
 */

export interface Step {
  readonly from: number;
  readonly to: number;
  /** Of the rate that the added work leaves, what is left: 1 as expected, near 0 a cliff. */
  readonly kept: number;
}

/** `points` in ascending order of x; none for fewer than two. */
export function steepestStep(
  points: readonly (readonly [x: number, rate: number])[],
  work: (x: number) => number,
): Step | undefined {
  let steepest: Step | undefined;
  for (let at = 1; at < points.length; at++) {
    const [from, before] = points[at - 1]!;
    const [to, after] = points[at]!;
    const kept = (after * work(to)) / (before * work(from));
    if (steepest === undefined || kept < steepest.kept) steepest = { from, to, kept };
  }
  return steepest;
}
