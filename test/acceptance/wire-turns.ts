/**
 * Parts A and B of `wire`, judged: turns of gaps between heartbeats, with all nodes alive and with one
 * stopped. What counts for the quantiles are turns that the machine did not spoil; for the longest gap, all.
 */
import type { Span } from './machine-clock.ts';
import { type Gap, gapOf, isWithin, longest, told } from './machine-witness.ts';

export interface Turn {
  /** All alive. */
  readonly a: readonly Gap[];
  /** One stopped. */
  readonly b: readonly Gap[];
  /** The machine stood still for too much of it. */
  readonly isDisturbed: boolean;
}

export interface Bounds {
  /** The quantile that is compared, such as 0.999. */
  readonly part: number;
  /** In each of A and B; with fewer the quantile means nothing. */
  readonly gapsMin: number;
  /** Of B's quantile to A's. */
  readonly ratioMax: number;
  /** Of a single gap of B. */
  readonly gapMsMax: number;
  /** Whether it may be left open what no calm turn can tell. */
  readonly mayBeOpen: boolean;
}

export interface Verdict {
  readonly isGood: boolean;
  readonly name: string;
  readonly detail: string;
}

/** Where standstills take that share, there are as many that are too short to be noticed. */
const DISTURBED_SHARE = 0.05;

export function isDisturbed(span: Span, standstills: readonly Span[]): boolean {
  const { allMs, ownMs } = gapOf(span, standstills);
  return allMs - ownMs > DISTURBED_SHARE * allMs;
}

/** Gaps of A and B of the turns that count. */
export function counted(turns: readonly Turn[]): { readonly a: Gap[]; readonly b: Gap[] } {
  const calm = turns.filter((turn) => !turn.isDisturbed);
  return { a: calm.flatMap(({ a }) => a), b: calm.flatMap(({ b }) => b) };
}

/** NaN, which is neither more nor less than anything, where nothing counts. */
export function ratio(turns: readonly Turn[], part: number): number {
  const { a, b } = counted(turns);
  return quantile(b, part) / quantile(a, part);
}

export function judgeTurns(turns: readonly Turn[], bounds: Bounds): readonly Verdict[] {
  const { part, gapsMin, ratioMax, gapMsMax, mayBeOpen } = bounds;
  const { a, b } = counted(turns);
  const every = turns.flatMap((turn) => turn.b);
  const verdicts = [
    {
      isGood: every.length > 0 && every.every((gap) => isWithin(gap, gapMsMax)),
      name: `with one stopped, no gap takes more than ${gapMsMax.toFixed(0)} ms`,
      detail: `longest ${told(longest(every))}`,
    },
  ];
  if (mayBeOpen && turns.every((turn) => turn.isDisturbed)) return verdicts;
  const [ofA, ofB] = [quantile(a, part), quantile(b, part)];
  verdicts.push(
    {
      isGood: Math.min(a.length, b.length) >= gapsMin,
      name: `at least ${gapsMin} gaps in each`,
      detail: `${a.length} and ${b.length}`,
    },
    {
      isGood: ofB <= ratioMax * ofA,
      name: `p${part * 100} of the gaps with one stopped is at most ${ratioMax} times that before`,
      detail: `${ofB.toFixed(1)} ms against ${ofA.toFixed(1)} ms: ${(ofB / ofA).toFixed(2)} times`,
    },
  );
  return verdicts;
}

/** Of the gaps without standstills. */
export function quantile(gaps: readonly Gap[], part: number): number {
  const sorted = gaps.map(({ ownMs }) => ownMs).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}
