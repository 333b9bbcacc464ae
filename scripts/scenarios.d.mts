/** Types of scenarios.mjs, for its test. */
import type ts from 'typescript';

export interface ScenarioList {
  readonly prefix: string;
  readonly about: string;
  /** Whether a scenario without a test is a failure. */
  readonly due: boolean;
  readonly titles: Readonly<Record<string, string>>;
  readonly elsewhere: readonly { from: number; to: number; reason: string }[];
}
export interface NumberedTest {
  readonly path: string;
  readonly line: number;
  readonly title: string;
  readonly numbers: readonly string[];
}
export interface ScenarioReport {
  readonly prefix: string;
  readonly due: boolean;
  readonly missing: readonly { readonly id: string }[];
}
export interface Coverage {
  readonly reports: readonly ScenarioReport[];
  readonly unknown: readonly { readonly number: string; readonly tests: readonly NumberedTest[] }[];
}
export declare function readLists(root?: string): Map<string, ScenarioList>;
export declare function findTests(root?: string): Promise<NumberedTest[]>;
export declare function testsOf(compiler: typeof ts, path: string, text: string): NumberedTest[];
export declare function coverage(
  lists: ReadonlyMap<string, ScenarioList>,
  tests: readonly NumberedTest[],
): Coverage;
export declare function linesOf(
  report: ScenarioReport,
  options?: { only?: readonly string[]; isMissingOnly?: boolean },
): string[];
export declare function summaryOf(report: ScenarioReport): string;
