/**
 * Runs folders of scripts against the core and says what differs. Commands decide which kind a file
 * is. A file ends at its first mismatch, because all that follows would differ too; what is left of
 * it counts as failed, so the number of passed cases never flatters.
 */
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfChangeSuite } from './confchange-suite.ts';
import { describeDiff } from './diff.ts';
import { InteractionSuite } from './interaction-suite.ts';
import { normalise } from './normalise.ts';
import { type Case, parseScript } from './parser.ts';
import { QuorumSuite } from './quorum-suite.ts';
import type { Suite } from './suite.ts';

/** The first place at which a script and the core differ. */
export interface Failure {
  readonly file: string;
  readonly line: number;
  /** The whole directive, as it is written. */
  readonly command: string;
  /** A diff, or the error that ended the case. */
  readonly what: string;
}

/** What came of all scripts. */
export interface ConformanceResult {
  readonly files: number;
  readonly passed: number;
  readonly failed: number;
  /** At most one a file. */
  readonly failures: readonly Failure[];
}

/**
 * Every script under the paths, recursively, in order of name: `*.txt` that has a line of dashes in
 * it, as any case has. Other texts lie about in a checkout too. A file that is named itself is taken
 * whatever it is.
 */
export function findScripts(paths: readonly string[]): string[] {
  const found: string[] = [];
  for (const path of paths) {
    if (statSync(path).isDirectory()) collectScripts(path, found);
    else found.push(path);
  }
  return found;
}

function collectScripts(folder: string, found: string[]): void {
  const inside = readdirSync(folder, { withFileTypes: true });
  inside.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name } of inside) {
    const path = join(folder, name);
    // Links are followed to files, not to folders: those may lead in circles.
    const status = statSync(path, { throwIfNoEntry: false });
    if (status?.isDirectory() && !isSkipped(name, path)) collectScripts(path, found);
    else if (status?.isFile() && name.endsWith('.txt') && hasCases(path)) found.push(path);
  }
}

function isSkipped(name: string, path: string): boolean {
  return name.startsWith('.') || name === 'node_modules' || lstatSync(path).isSymbolicLink();
}

function hasCases(path: string): boolean {
  return /^----$/m.test(readFileSync(path, 'utf8').replaceAll('\r', ''));
}

/** Runs all scripts under `paths` (folders or files). */
export function runRaftConformance(paths: readonly string[]): ConformanceResult {
  let passed = 0;
  let failed = 0;
  const failures: Failure[] = [];
  const files = findScripts(paths);
  for (const file of files) {
    const outcome = runScript(file, readFileSync(file, 'utf8'));
    passed += outcome.passed;
    failed += outcome.failed;
    if (outcome.failure !== undefined) failures.push(outcome.failure);
  }
  return { files: files.length, passed, failed, failures };
}

/** What came of one script. */
export interface ScriptOutcome {
  readonly passed: number;
  readonly failed: number;
  readonly failure: Failure | undefined;
}

/** Runs one script; `file` is for the report. */
export function runScript(file: string, text: string): ScriptOutcome {
  let cases: Case[];
  try {
    cases = parseScript(text);
  } catch (error) {
    const failure = { file, line: 1, command: '(parse)', what: describeError(error) };
    return { passed: 0, failed: 1, failure };
  }
  const suite = suiteFor(cases);
  for (const [at, testCase] of cases.entries()) {
    const what = runCase(suite, testCase);
    if (what === undefined) continue;
    const { line, directive: command } = testCase;
    return { passed: at, failed: cases.length - at, failure: { file, line, command, what } };
  }
  return { passed: cases.length, failed: 0, failure: undefined };
}

function suiteFor(cases: readonly Case[]): Suite {
  switch (cases[0]?.command) {
    case 'committed':
    case 'vote':
      return new QuorumSuite();
    case 'simple':
    case 'enter-joint':
    case 'leave-joint':
      return new ConfChangeSuite();
    default:
      return new InteractionSuite();
  }
}

/** What is wrong with the case, if anything. */
function runCase(suite: Suite, testCase: Case): string | undefined {
  try {
    const actual = normalise(suite.run(testCase));
    const expected = normalise(testCase.expected);
    const isSame = actual.length === expected.length && actual.every((l, i) => l === expected[i]);
    return isSame ? undefined : describeDiff(expected, actual);
  } catch (error) {
    return describeError(error);
  }
}

function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
