/**
 * A suite is a list of cases, and a case is a name and a function: whatever runs tests can run them.
 *
 *     import { it } from 'vitest';                         // or: import { it } from 'node:test'
 *     registerCases(it, storageConformance(rig));
 *
 *     const { failed } = await runConformance(storageConformance(rig));   // without any of them
 *
 * Each case makes what it needs from the rig, and gives it back, whatever happens in between; so cases
 * are independent, and run in any order, alone, or one after the other. What a rig can not offer (to cut
 * the power, say) makes the cases that need it say `skip`, with the reason: nothing is passed over in silence.
 */
import { begun, Checks, withDeadline } from './checks.ts';
import { ConformanceFailure, shown } from './failure.ts';

/** One clause of a contract, or a few that belong together, as a test. */
export interface ConformanceCase {
  /** Stable, such as `storage/append/gap-refused`. */
  readonly id: string;
  /** What must be so, as a sentence; begins with the id's first part, so that it can stand alone. */
  readonly title: string;
  /** Why it can not be run on this rig. `run` would fail with this reason. */
  readonly skip: string | undefined;
  /** Resolves when the clause holds; rejects with a `ConformanceFailure` otherwise. Bounded in time. */
  run(bounds?: CaseBounds): Promise<void>;
}

/** How long a case may take. */
export interface CaseBounds {
  /**
   * Making what it needs, the case itself, and giving back: each of these three ends after this long,
   * in milliseconds. Lower than the suite's own bound where a part that hangs is to be found out sooner.
   */
  readonly caseMsMax?: number;
}

/** How one case ended. */
export interface CaseResult {
  readonly id: string;
  readonly title: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  /** Of a failed case. */
  readonly failure?: ConformanceFailure;
  /** Of a skipped case. */
  readonly reason?: string;
  readonly durationMs: number;
}

/** What came of all cases. */
export interface ConformanceReport {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly results: readonly CaseResult[];
}

/** How cases are run. */
export interface RunOptions extends CaseBounds {
  /** Told after each case, in order. */
  readonly onResult?: (result: CaseResult) => void;
}

/** A case that hangs is failed after this long, unless its suite gives another bound. */
export const CASE_MS_MAX = 30_000;

/** How a suite's cases are made; `Bench` is what a case works with. */
export interface CaseSpec<Bench> {
  readonly id: string;
  readonly title: string;
  /** Why this rig can not run it; `undefined` when it can. */
  readonly skip?: string | undefined;
  readonly timeoutMs?: number;
  readonly body: (checks: Checks, bench: Bench) => Promise<void>;
}

export interface SuiteParts<Bench> {
  /** First part of the ids. */
  readonly name: string;
  /** Makes what one case works with. */
  readonly open: () => Promise<Bench>;
  /** Gives it back. A case that failed is not hidden by a failure in here. */
  readonly close: (bench: Bench) => Promise<void>;
}

export function makeCases<Bench>(
  suite: SuiteParts<Bench>,
  specs: readonly CaseSpec<Bench>[],
): ConformanceCase[] {
  return specs.map((spec) => {
    const id = `${suite.name}/${spec.id}`;
    const title = `${suite.name}: ${spec.title}`;
    const run = (bounds?: CaseBounds): Promise<void> => runCase(suite, spec, id, bounds);
    return { id, title, skip: spec.skip, run };
  });
}

async function runCase<Bench>(
  suite: SuiteParts<Bench>,
  spec: CaseSpec<Bench>,
  caseId: string,
  { caseMsMax = Number.POSITIVE_INFINITY }: CaseBounds = {},
): Promise<void> {
  const checks = new Checks(caseId, spec.title);
  if (spec.skip !== undefined)
    checks.fail('the rig offers what the case needs', spec.title, spec.skip);
  const timeoutMs = Math.min(spec.timeoutMs ?? CASE_MS_MAX, caseMsMax);
  const bench = await bounded(checks, 'the rig makes what the case needs', timeoutMs, suite.open);
  let failure: unknown;
  checks.moveOn();
  try {
    await bounded(checks, undefined, timeoutMs, () => spec.body(checks, bench));
  } catch (error) {
    failure = error;
  }
  try {
    const clause = 'what the case used can be given back';
    await bounded(checks, clause, timeoutMs, () => suite.close(bench));
  } catch (error) {
    failure ??= error;
  }
  if (failure !== undefined) throw failure;
}

async function bounded<T>(
  checks: Checks,
  clause: string | undefined,
  timeoutMs: number,
  action: () => Promise<T>,
): Promise<T> {
  if (clause !== undefined) checks.current = clause;
  let outcome: { readonly value: T } | undefined;
  try {
    const work = begun(action).then((value) => ({ value }));
    outcome = await withDeadline(work, timeoutMs);
  } catch (error) {
    if (error instanceof ConformanceFailure) throw error;
    checks.fail(checks.current, 'no error', shown(error), error);
  }
  if (outcome !== undefined) return outcome.value;
  checks.fail(checks.current, `the case ends within ${timeoutMs} ms`, 'it hangs here');
}

/** Runs the cases one after the other. A failed case stops nothing. */
export async function runConformance(
  cases: readonly ConformanceCase[],
  options: RunOptions = {},
): Promise<ConformanceReport> {
  const results: CaseResult[] = [];
  for (const one of cases) {
    const result = await resultOf(one, options);
    results.push(result);
    options.onResult?.(result);
  }
  const count = (status: CaseResult['status']): number =>
    results.filter((result) => result.status === status).length;
  const [passed, failed, skipped] = [count('passed'), count('failed'), count('skipped')];
  return { passed, failed, skipped, results };
}

async function resultOf(
  { id, title, skip, run }: ConformanceCase,
  bounds: CaseBounds,
): Promise<CaseResult> {
  if (skip !== undefined) return { id, title, status: 'skipped', reason: skip, durationMs: 0 };
  const startedMs = performance.now();
  const took = (): number => performance.now() - startedMs;
  try {
    await run(bounds);
    return { id, title, status: 'passed', durationMs: took() };
  } catch (error) {
    const failure = error instanceof ConformanceFailure ? error : strange(id, error);
    return { id, title, status: 'failed', failure, durationMs: took() };
  }
}

function strange(caseId: string, error: unknown): ConformanceFailure {
  const facts = { caseId, clause: 'the case runs', expected: 'no error', found: shown(error) };
  return new ConformanceFailure(facts, { cause: error });
}

/** The part of `it` (vitest, node:test, jest, mocha) that is needed here. */
export interface TestFunction {
  (title: string, body: () => Promise<void>): unknown;
  /** `it.skip`: a test that is listed and not run. */
  readonly skip: (title: string, body: () => Promise<void>) => unknown;
}

/** Makes each case a test of your own test runner. Skipped ones carry the reason in their titles. */
export function registerCases(it: TestFunction, cases: readonly ConformanceCase[]): void {
  for (const { title, skip, run } of cases) {
    if (skip === undefined) it(title, () => run());
    else it.skip(`${title} (${skip})`, () => run());
  }
}
