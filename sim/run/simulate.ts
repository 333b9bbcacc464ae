/**
 * Runs seeds, tells how they went, and makes what failed small enough to be read.
 *
 * A user's machine has a driver of its own (own/simulate-own.ts): what he brings are functions, which do not
 * travel to other threads, and he gets data back. What both tell is told in one place: found-lines.ts, report.ts,
 * shrink-failing.ts.
 */
import type { SimArguments } from './arguments.ts';
import {
  headLine,
  type OperationWords,
  progressLine,
  TOLD_MAX,
  verdictLine,
  violationLines,
} from './found-lines.ts';
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

const OPERATIONS: OperationWords = {
  what: 'operation',
  text: ({ kind, args }) => `${kind} ${args.join(' ')}`,
};

/** Answers the exit code. */
export async function simulate(wanted: SimArguments, print: Print): Promise<number> {
  const { from, to } = wanted.seeds;
  if (wanted.trace) return await traceSeed(wanted, print);
  const say: Print = wanted.json ? () => {} : print;
  const progress = nowAndThen(say);
  say(headLine(wanted.seeds, wanted.mode, wanted.nodes));
  const began = performance.now();
  const totals = new Totals();
  const hashes = new Map<number, string>();
  await runSeeds({
    ...wanted,
    seeds: range(from, to),
    onSeed: (summary) => {
      totals.add(summary);
      hashes.set(summary.seed, summary.hash);
      if (summary.violation !== undefined) tellViolation(summary, totals, say);
      progress(progressLine(totals.seeds, to - from + 1, totals.violations.length));
      return !(wanted.stopAtFirst && summary.violation !== undefined);
    },
  });
  const different = wanted.twice ? await compareAgain(wanted, hashes, say) : 0;
  const seconds = (performance.now() - began) / 1000;
  const [first] = totals.violations;
  if (first !== undefined && wanted.shrink && !wanted.json) await showShrunk(first, say);
  for (const line of totals.lines(seconds)) say(line);
  const found = totals.violations.length;
  say(verdictLine(found));
  if (wanted.json) print(JSON.stringify(reportOf(totals, hashes)));
  return found === 0 && different === 0 ? 0 : 1;
}

function* range(from: number, to: number): Generator<number> {
  for (let seed = from; seed <= to; seed++) yield seed;
}

/** Seeds end in any order. */
function inOrder(hashes: ReadonlyMap<number, string>): number[] {
  return [...hashes.keys()].sort((a, b) => a - b);
}

function reportOf(totals: Totals, hashes: ReadonlyMap<number, string>): object {
  const runs = inOrder(hashes).map((seed) => ({ seed, hash: hashes.get(seed) }));
  return { seeds: totals.seeds, runs, violations: totals.violations };
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
): Promise<number> {
  let different = 0;
  const seeds = inOrder(hashes).filter((seed) => hashes.get(seed) !== '');
  await runSeeds({
    ...wanted,
    seeds,
    onSeed: ({ seed, hash }) => {
      if (hash === hashes.get(seed)) return true;
      different += 1;
      say(`DIFFERENT  seed ${seed}: ${hashes.get(seed)} the first time, ${hash} the second`);
      return true;
    },
  });
  if (different === 0) say(`each of ${seeds.length} seeds took the same way twice`);
  return different;
}

async function showShrunk(summary: SeedSummary, say: Print): Promise<void> {
  const { seed, mode, workload, nodes, hash } = summary;
  // Here, on the thread that waits, it would hang or end everything.
  if (hash === '') return say(`seed ${seed} is not made smaller: its run has no end of its own`);
  const plan = planRun(seed, { mode, workload, nodes });
  await shrinkFailing(
    { plan, hash },
    {
      run: (smaller, onLine) => runPlan(smaller, { onLine }),
      msMax: SHRINK_MS_MAX,
      words: OPERATIONS,
      say,
      progress: nowAndThen(say),
    },
  );
}

async function traceSeed(wanted: SimArguments, print: Print): Promise<number> {
  const { from, to } = wanted.seeds;
  let code = 0;
  for (const seed of range(from, to)) {
    const result = await runPlan(planRun(seed, wanted), { onLine: print });
    const { violation, hash } = summaryOf(result);
    print(`seed ${seed}: ${hash}`);
    if (violation === undefined) continue;
    print(`VIOLATION  ${violation.checker}: ${violation.message}`);
    code = 1;
  }
  return code;
}
