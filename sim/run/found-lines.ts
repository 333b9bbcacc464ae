/**
 * What was found, in lines for people: what is wrong, how to see it again, what it needs. The same for our own
 * runs and for a user's machine (own/simulate-own.ts); they differ in what an operation looks like.
 */
import type { PlannedOperation } from '../workloads/workload.ts';
import type { RunPlan } from './plan.ts';

export interface ToldViolation {
  readonly seed: number;
  /** Mode and the like. */
  readonly where: string;
  readonly atMs: number;
  readonly checker: string;
  readonly message: string;
  /** What else is to be said of it. */
  readonly notes?: readonly string[];
  /** What brings it back. */
  readonly again: string;
}

/** The smallest run that was found to fail in the same way. */
export interface SmallestRun {
  readonly plan: RunPlan;
  /** What is wrong in this run; it may name other entries than the whole one did. */
  readonly message: string;
  /** The last lines of all that happens in it. */
  readonly trace: readonly string[];
  /** Runs that it took to find it. */
  readonly tries: number;
}

/** What clients do, in words. */
export interface OperationWords {
  /** One of them. */
  readonly what: string;
  text(operation: PlannedOperation): string;
}

/** Violations that are told in lines; more of them say nothing new. */
export const TOLD_MAX = 5;

const INDENT = ' '.repeat(11);
const OPERATIONS_SHOWN = 40;

export function headLine(
  { from, to }: { readonly from: number; readonly to: number },
  mode: string,
  nodes: number | undefined,
  workload?: string | undefined,
): string {
  return [
    `seeds ${from}..${to}`,
    `mode ${mode}`,
    ...(workload === undefined ? [] : [`workload ${workload}`]),
    ...(nodes === undefined ? [] : [counted(nodes, 'node')]),
  ].join(', ');
}

export function progressLine(done: number, of: number, violations: number): string {
  return `${done} of ${counted(of, 'seed')}, ${counted(violations, 'violation')}`;
}

export function verdictLine(violations: number): string {
  return violations === 0 ? 'no violation' : `${counted(violations, 'seed')} with a violation`;
}

/** In place of a verdict: there is none. */
export function interruptedLine(seeds: number, violations: number): string {
  return `interrupted after ${counted(seeds, 'seed')}: ${counted(violations, 'violation')} so far`;
}

export function violationLines(told: ToldViolation): string[] {
  const { seed, where, atMs, checker, message, notes = [], again } = told;
  return [
    `VIOLATION  seed ${seed} (${where}) after ${(atMs / 1000).toFixed(3)} s: ${checker}`,
    ...message.split('\n').map((line) => INDENT + line),
    ...notes.map((line) => INDENT + line),
    `${INDENT}again: ${again}`,
  ];
}

export function shrunkLines(smallest: SmallestRun, words: OperationWords): string[] {
  const { plan, message, trace, tries } = smallest;
  const lines = [`what it needs: ${sizeOf(plan, words.what)} (found in ${counted(tries, 'run')})`];
  for (const [at, round] of plan.rounds.entries()) {
    lines.push(`  round ${at + 1}: ${round.faultMs} ms`);
    for (const { atMs, kind, args } of round.faults) {
      const what = Object.entries(args).map(([name, value]) => `${name} ${value}`);
      lines.push(`    ${String(atMs).padStart(6)} ms ${kind} ${what.join(', ')}`.trimEnd());
    }
  }
  // The last ones lead to the violation.
  const more = plan.operations.length - OPERATIONS_SHOWN;
  if (more > 0) lines.push(`    ${counted(more, words.what)}, and then`);
  for (const operation of plan.operations.slice(-OPERATIONS_SHOWN)) {
    const { atMs, client } = operation;
    lines.push(`    ${String(atMs).padStart(6)} ms client ${client}: ${words.text(operation)}`);
  }
  // The violation itself comes last, in full.
  const course = trace.filter((line) => !/^ *[\d.]+ !!!! /.test(line));
  lines.push('and what happens then, at its end:', ...course.map((line) => `  ${line}`));
  lines.push(...message.split('\n').map((line) => INDENT + line));
  return lines;
}

/** `what`: the word for an operation. */
export function sizeOf(plan: RunPlan, what = 'operation'): string {
  const faults = plan.rounds.reduce((sum, round) => sum + round.faults.length, 0);
  return [
    counted(plan.shape.size, 'node'),
    counted(plan.rounds.length, 'round'),
    counted(faults, 'fault'),
    counted(plan.operations.length, what),
  ].join(', ');
}

export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
