/**
 * Few numbers made of few runs. Medians, because one run in which the machine did something else must not
 * count; ratios by rounds, because the two sides of a ratio were taken next to each other.
 */

/** Of an even number of values the mean of the middle two. NaN when there is none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Largest by smallest: how far the rounds are apart. */
export function spread(values: readonly number[]): number {
  return Math.max(...values) / Math.min(...values);
}

/** The median of the ratios of each round, where both have one. */
export function ratio(ours: readonly number[], theirs: readonly number[]): number {
  const both = Math.min(ours.length, theirs.length);
  return median(ours.slice(0, both).map((value, round) => value / theirs[round]!));
}
