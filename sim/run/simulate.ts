/**
 * Runs seeds, tells how they went, and makes what failed small enough to be read.
 *
 * A user's machine has a driver of its own (own/simulate-own.ts): what he brings are functions, which do not
 * travel to other threads, and he gets data back. What both tell is told in one place: found-lines.ts, report.ts,
 * shrink-failing.ts.
 */
import type { SimArguments } from './arguments.ts';
import {
  counted,
  headLine,
  interruptedLine,
  type OperationWords,
  progressLine,
  TOLD_MAX,
  verdictLine,
  violationLines,
} from './found-lines.ts';
import { unlessInterrupted } from './interrupted.ts';
import { runSeeds } from './many-seeds.ts';
import { nowAndThen } from './now-and-then.ts';
import { planRun } from './plan.ts';
import { replayCommand, type SeedSummary, summaryOf, Totals } from './report.ts';
import { runPlan } from './run-plan.ts';
import { shrinkFailing } from './shrink-failing.ts';

type Print = (line: string) => void;

const COMMAND = 'npm run sim --';
/** Of real time: as long as a person waits who wants to mend it. */
const SHRINK_MS_MAX = 180_000;
/** Of real time, between two lines that say how far it is. */
const PROGRESS_MS = 5_000;

const OPERATIONS: OperationWords = {
  what: 'operation',
  text: ({ kind, args }) => `${kind} ${args.join(' ')}`,
};

/** Answers the exit code. `signal` ends it early: what is known by then is told all the same. */
export async function simulate(
  wanted: SimArguments,
  print: Print,
  signal?: AbortSignal,
): Promise<number> {
  if (wanted.trace) return await traceSeed(wanted, print, signal);
  const say: Print = wanted.json ? () => {} : print;
  say(headLine(wanted.seeds, wanted.mode, wanted.nodes, wanted.workload));
  const began = performance.now();
  const totals = new Totals();
  const hashes = new Map<number, string>();
  await withProgress(say, wanted.seeds, totals, () => runAll(wanted, totals, hashes, say, signal));
  const different = wanted.twice ? await compareAgain(wanted, hashes, say, signal) : 0;
  const seconds = (performance.now() - began) / 1000;
  const [first] = totals.violations;
  if (first !== undefined && wanted.shrink && !wanted.json) {
    await unlessInterrupted(signal, () => showShrunk(first, say, signal));
  }
  const isInterrupted = signal?.aborted === true;
  const found = totals.violations.length;
  for (const line of totals.lines(seconds)) say(line);
  say(isInterrupted ? interruptedLine(totals.seeds, found) : verdictLine(found));
  if (wanted.json) {
    const isOk = found === 0 && different === 0 && !isInterrupted;
    print(JSON.stringify({ isOk, isInterrupted, ...reportOf(totals, hashes, different) }));
  }
  return found === 0 && different === 0 ? 0 : 1;
}

async function runAll(
  wanted: SimArguments,
  totals: Totals,
  hashes: Map<number, string>,
  say: Print,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { from, to } = wanted.seeds;
  await runSeeds({
    ...wanted,
    seeds: range(from, to),
    signal,
    onSeed: (summary) => {
      totals.add(summary);
      hashes.set(summary.seed, summary.hash);
      if (summary.violation !== undefined) tellViolation(summary, totals, say);
      return !(wanted.stopAtFirst && summary.violation !== undefined);
    },
  });
}

/** By the clock, not by the seeds that end: on a busy machine the first of them takes its time. */
async function withProgress(
  say: Print,
  { from, to }: SimArguments['seeds'],
  totals: Totals,
  work: () => Promise<void>,
): Promise<void> {
  const tell = (): void => say(progressLine(totals.seeds, to - from + 1, totals.violations.length));
  const timer = setInterval(tell, PROGRESS_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
}

function* range(from: number, to: number): Generator<number> {
  for (let seed = from; seed <= to; seed++) yield seed;
}

/** Seeds end in any order. */
function inOrder(hashes: ReadonlyMap<number, string>): number[] {
  return [...hashes.keys()].sort((a, b) => a - b);
}

function reportOf(totals: Totals, hashes: ReadonlyMap<number, string>, different: number): object {
  const runs = inOrder(hashes).map((seed) => ({ seed, hash: hashes.get(seed) }));
  const { seeds, sums, violations } = totals;
  return { seeds, runs, ...sums, different, violations };
}

function tellViolation(summary: SeedSummary, totals: Totals, say: Print): void {
  if (totals.violations.length > TOLD_MAX) return;
  const { seed, mode, workload, violation } = summary;
  const { checker = '', message = '', atMs = 0 } = violation ?? {};
  const where = workload === undefined ? mode : `${mode}, ${workload}`;
  const again = replayCommand(summary, COMMAND);
  for (const line of violationLines({ seed, where, atMs, checker, message, again })) say(line);
}

async function compareAgain(
  wanted: SimArguments,
  hashes: ReadonlyMap<number, string>,
  say: Print,
  signal: AbortSignal | undefined,
): Promise<number> {
  let different = 0;
  let compared = 0;
  const seeds = inOrder(hashes).filter((seed) => hashes.get(seed) !== '');
  const progress = nowAndThen(say);
  await runSeeds({
    ...wanted,
    seeds,
    signal,
    onSeed: ({ seed, hash }) => {
      compared += 1;
      progress(`${compared} of ${counted(seeds.length, 'seed')} a second time`);
      if (hash === hashes.get(seed)) return true;
      different += 1;
      say(`DIFFERENT  seed ${seed}: ${hashes.get(seed)} the first time, ${hash} the second`);
      return true;
    },
  });
  if (different === 0 && compared > 0) say(sameLine(compared));
  return different;
}

function sameLine(seeds: number): string {
  const which = seeds === 1 ? 'the seed' : `each of ${seeds} seeds`;
  return `${which} took the same way twice`;
}

async function showShrunk(
  summary: SeedSummary,
  say: Print,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { seed, mode, workload, nodes, hash } = summary;
  // Here, on the thread that waits, it would hang or end everything.
  if (hash === '') return say(`seed ${seed} is not made smaller: its run has no end of its own`);
  const plan = planRun(seed, { mode, workload, nodes });
  // What comes after an interruption belongs to nothing.
  const tell: Print = (line) => (signal?.aborted === true ? undefined : say(line));
  await shrinkFailing(
    { plan, hash },
    {
      run: (smaller, onLine) => runPlan(smaller, { onLine }),
      msMax: SHRINK_MS_MAX,
      words: OPERATIONS,
      say: tell,
      progress: nowAndThen(tell),
    },
  );
}

/** One seed: see arguments.ts. */
async function traceSeed(
  wanted: SimArguments,
  print: Print,
  signal: AbortSignal | undefined,
): Promise<number> {
  const seed = wanted.seeds.from;
  const onLine: Print = (line) => (signal?.aborted === true ? undefined : print(line));
  const run = () => runPlan(planRun(seed, wanted), { onLine });
  const result = await unlessInterrupted(signal, run);
  if (result === undefined) {
    print(interruptedLine(0, 0));
    return 0;
  }
  const { violation, hash } = summaryOf(result);
  print(`seed ${seed}: ${hash}`);
  if (violation !== undefined) print(`VIOLATION  ${violation.checker}: ${violation.message}`);
  print(verdictLine(violation === undefined ? 0 : 1));
  return violation === undefined ? 0 : 1;
}
