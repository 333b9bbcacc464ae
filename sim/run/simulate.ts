/**
 * Runs seeds, tells how they went, and makes what failed small enough to be read.
 */
import type { SimArguments } from './arguments.ts';
import { runSeeds } from './many-seeds.ts';
import { planRun } from './plan.ts';
import { replayCommand, type SeedSummary, shrunkLines, summaryOf, Totals } from './report.ts';
import { runPlan } from './run-plan.ts';
import { shrink } from './shrink.ts';

type Print = (line: string) => void;

const COMMAND = 'npm run sim --';
/** Violations that are shown in full; more of them say nothing new. */
const SHOWN_MAX = 5;
const SHRINK_TRIES_MAX = 150;
/** Seeds between two lines of progress. */
const PROGRESS_SEEDS = 100;
/** Lines of the shrunk run that are shown: its last ones lead to the violation. */
const TRACE_LINES_MAX = 60;

/** Answers the exit code. */
export async function simulate(wanted: SimArguments, print: Print): Promise<number> {
  const { from, to } = wanted.seeds;
  if (wanted.trace) return await traceSeed(wanted, print);
  const say: Print = wanted.json ? () => {} : print;
  const nodes = wanted.nodes === undefined ? '' : `, ${wanted.nodes} nodes`;
  say(`seeds ${from}..${to}, mode ${wanted.mode}${nodes}`);
  const began = performance.now();
  const totals = new Totals();
  const hashes = new Map<number, string>();
  await runSeeds({
    ...wanted,
    seeds: range(from, to),
    onSeed: (summary) => {
      totals.add(summary);
      if (wanted.twice) hashes.set(summary.seed, summary.hash);
      if (summary.violation !== undefined) tellViolation(summary, totals, say);
      if (totals.seeds % PROGRESS_SEEDS === 0) {
        say(`${totals.seeds} seeds, ${totals.violations.length} violations`);
      }
      return !(wanted.stopAtFirst && summary.violation !== undefined);
    },
  });
  const different = wanted.twice ? await compareAgain(wanted, hashes, say) : 0;
  const seconds = (performance.now() - began) / 1000;
  const [first] = totals.violations;
  if (first !== undefined && wanted.shrink && !wanted.json) await showShrunk(first, say);
  for (const line of totals.lines(seconds)) say(line);
  const found = totals.violations.length;
  say(found === 0 ? 'no violation' : `${found} seeds with a violation`);
  if (wanted.json) print(JSON.stringify({ seeds: totals.seeds, violations: totals.violations }));
  return found === 0 && different === 0 ? 0 : 1;
}

function* range(from: number, to: number): Generator<number> {
  for (let seed = from; seed <= to; seed++) yield seed;
}

function tellViolation(summary: SeedSummary, totals: Totals, say: Print): void {
  if (totals.violations.length > SHOWN_MAX) return;
  const { seed, mode, workload, violation } = summary;
  const at = ((violation?.atMs ?? 0) / 1000).toFixed(3);
  say(`VIOLATION  seed ${seed} (${mode}, ${workload}) after ${at} s: ${violation?.checker}`);
  say(`           ${violation?.message}`);
  say(`           ${replayCommand(summary, COMMAND)}`);
}

async function compareAgain(
  wanted: SimArguments,
  hashes: ReadonlyMap<number, string>,
  say: Print,
): Promise<number> {
  let different = 0;
  await runSeeds({
    ...wanted,
    seeds: [...hashes.keys()].sort((a, b) => a - b),
    onSeed: ({ seed, hash }) => {
      if (hash === hashes.get(seed)) return true;
      different += 1;
      say(`DIFFERENT  seed ${seed}: ${hashes.get(seed)} the first time, ${hash} the second`);
      return true;
    },
  });
  if (different === 0) say(`each of ${hashes.size} seeds took the same way twice`);
  return different;
}

async function showShrunk(summary: SeedSummary, say: Print): Promise<void> {
  const { seed, mode, workload, nodes } = summary;
  say(`making seed ${seed} smaller`);
  const failing = await runPlan(planRun(seed, { mode, workload, nodes }));
  if (failing.violation === undefined) {
    say('it does not fail again: something in it is not deterministic');
    return;
  }
  const shrunk = await shrink(failing, {
    run: (plan) => runPlan(plan),
    triesMax: SHRINK_TRIES_MAX,
  });
  for (const line of shrunkLines(shrunk.result.plan)) say(line);
  const lines: string[] = [];
  await runPlan(shrunk.result.plan, { onLine: (line) => lines.push(line) });
  const shown = lines.slice(-TRACE_LINES_MAX);
  if (shown.length < lines.length) say(`  ... ${lines.length - shown.length} lines before`);
  for (const line of shown) say(`  ${line}`);
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
