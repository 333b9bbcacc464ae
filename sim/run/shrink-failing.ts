/**
 * Takes a run that failed, sees that it fails again, looks for the smallest one that still does (shrink.ts), and
 * shows it. The one way from a violation to what a person reads, for our own runs and for a user's machine.
 *
 * A run that is not the same the second time is said to be so, and left alone: a smaller one would be found by
 * luck. Real time is looked at between two runs only, never in one.
 */
import {
  counted,
  type OperationWords,
  type SmallestRun,
  shrunkLines,
  sizeOf,
} from './found-lines.ts';
import type { RunPlan } from './plan.ts';
import type { RunResult } from './run-plan.ts';
import { shrink } from './shrink.ts';

type Print = (line: string) => void;

export interface ShrinkFailingOptions {
  readonly run: (plan: RunPlan, onLine?: Print) => Promise<RunResult>;
  /** Of real time: who waits for a smaller run has the violation already. */
  readonly msMax: number;
  readonly words: OperationWords;
  readonly say: Print;
  /** Told after each run; see `nowAndThen`. */
  readonly progress: Print;
}

const TRIES_MAX = 150;
/** Lines of the smallest run: its last ones lead to the violation. */
const TRACE_LINES_MAX = 60;

/** `undefined`: it does not take the same way again. */
export async function shrinkFailing(
  failing: Pick<RunResult, 'plan' | 'hash'>,
  { run, msMax, words, say, progress }: ShrinkFailingOptions,
): Promise<SmallestRun | undefined> {
  const { seed } = failing.plan;
  const seconds = msMax / 1000;
  say(`making seed ${seed} smaller, for ${seconds} s at most`);
  const endMs = performance.now() + msMax;
  const again = await run(failing.plan);
  if (again.hash !== failing.hash || again.violation === undefined) {
    say('it does not take the same way again: something in it depends on more than the seed');
    return undefined;
  }
  let isOver = false;
  const { result, tries } = await shrink(again, {
    run: (plan) => run(plan),
    triesMax: TRIES_MAX,
    isOver: () => {
      isOver ||= performance.now() > endMs;
      return isOver;
    },
    onTry: (count, best) => {
      progress(`seed ${seed}: ${counted(count, 'run')}, down to ${sizeOf(best, words.what)}`);
    },
  });
  if (isOver) say(`${seconds} s are over: a smaller one may be left`);
  const lines: string[] = [];
  const last = await run(result.plan, (line) => lines.push(line));
  const smallest: SmallestRun = {
    plan: result.plan,
    message: last.violation?.message ?? result.violation?.message ?? '',
    trace: lines.slice(-TRACE_LINES_MAX),
    tries: tries + 1,
  };
  for (const line of shrunkLines(smallest, words)) say(line);
  return smallest;
}
