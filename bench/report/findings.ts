/**
 * What a benchmark hands back: series of rounds as they were measured, and findings, which are what the
 * demands speak of. A finding is judged here and nowhere else, and only where something was measured.
 */
import { median, spread } from '../statistics.ts';

/** One thing measured once in each round. */
export interface Series {
  readonly name: string;
  /** Of the series before it, whose name its own begins with: told on the same line. */
  readonly part?: string;
  readonly unit: string;
  readonly rounds: readonly number[];
}

/** What was wanted of a value. */
export interface Target {
  readonly is: 'at least' | 'at most';
  readonly value: number;
}

export interface Finding {
  /** Number of the demand that it belongs to. */
  readonly item: number;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Absent: measured beside, not demanded. */
  readonly target?: Target;
  /** Operations that failed where it was measured: what is fast by failing proves nothing. */
  readonly failed?: number;
}

export interface Section {
  readonly title: string;
  readonly series: readonly Series[];
  readonly findings: readonly Finding[];
  /** What a reader must know: what was left out and why, what failed. */
  readonly notes: readonly string[];
  /** What is neither figure nor remark: profiles. */
  readonly text?: readonly string[];
}

/** `undefined`: there is nothing to judge, or nothing to judge by. */
export function holds({ value, target, failed = 0 }: Finding): boolean | undefined {
  if (target === undefined || Number.isNaN(value) || failed > 0) return undefined;
  return target.is === 'at least' ? value >= target.value : value <= target.value;
}

export function atLeast(value: number): Target {
  return { is: 'at least', value };
}

export function atMost(value: number): Target {
  return { is: 'at most', value };
}

/** Three significant digits, and no more than two behind the point; none there for a whole number. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

export function seriesSummary({ rounds }: Series): { median: number; spread: number } {
  return { median: median(rounds), spread: spread(rounds) };
}
