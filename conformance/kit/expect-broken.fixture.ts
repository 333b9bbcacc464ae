/** A broken part must be found by the cases that are about its mistake, and by no others. */
import { expect } from 'vitest';
import { type ConformanceCase, runConformance } from './index.ts';
import { failedIds } from './override.fixture.ts';

export interface ExpectedFailures {
  /** All of them, without the suite's name; the one that names the mistake comes first. */
  readonly fails: readonly string[];
  /** Those in which the mistake shows or not, as timing will have it. */
  readonly mayFail?: readonly string[];
  /** What the first one says. */
  readonly says: RegExp;
}

export async function expectBroken(
  cases: readonly ConformanceCase[],
  { fails, mayFail = [], says }: ExpectedFailures,
): Promise<void> {
  const report = await runConformance(cases);
  const messages = report.results.map(({ failure }) => failure?.message ?? '');
  const found = failedIds(report).filter((id) => !mayFail.includes(id));
  expect(found.sort(), messages.join('\n')).toEqual([...fails].sort());
  const named = report.results.find(({ id }) => id.endsWith(`/${fails[0]}`));
  expect(named?.failure?.message).toMatch(says);
}

/** A case that no broken part fails shows nothing: whoever adds one adds a part that it finds. */
export function expectEveryCaseFails(
  cases: readonly ConformanceCase[],
  broken: readonly ExpectedFailures[],
): void {
  const found = new Set(broken.flatMap(({ fails }) => fails));
  const ids = cases.map(({ id }) => id.slice(id.indexOf('/') + 1));
  expect([...found].sort()).toEqual(ids.sort());
}
