/**
 * Makes a failing run smaller: fewer rounds, faults, operations and nodes, as long as the same invariant
 * still breaks. What remains is what the failure needs, short enough to be read.
 *
 * Taking something out moves what comes after it; so a smaller run may fail in another way or not at all,
 * and is then not taken. By halves first, then one by one (delta debugging, Zeller and Hildebrandt 2002).
 */
import type { RunPlan } from './plan.ts';
import type { RunResult } from './run-plan.ts';

export interface ShrinkOptions {
  readonly run: (plan: RunPlan) => Promise<RunResult>;
  /** Runs that may be tried. */
  readonly triesMax: number;
  /** Told how it goes, for people. */
  readonly onProgress?: (text: string) => void;
}

export interface Shrunk {
  readonly result: RunResult;
  readonly tries: number;
}

/** Where operations and faults lie in a plan: each can be taken out by its place. */
type Part = (plan: RunPlan) => { readonly size: number; keep(kept: ReadonlySet<number>): RunPlan };

const rounds: Part = (plan) => ({
  size: plan.rounds.length,
  keep: (kept) => ({ ...plan, rounds: plan.rounds.filter((_, at) => kept.has(at)) }),
});

const faults: Part = (plan) => ({
  size: plan.rounds.reduce((sum, round) => sum + round.faults.length, 0),
  keep: (kept) => {
    let place = 0;
    const thinned = plan.rounds.map((round) => ({
      ...round,
      faults: round.faults.filter(() => kept.has(place++)),
    }));
    return { ...plan, rounds: thinned };
  },
});

const operations: Part = (plan) => ({
  size: plan.operations.length,
  keep: (kept) => ({ ...plan, operations: plan.operations.filter((_, at) => kept.has(at)) }),
});

export async function shrink(failing: RunResult, options: ShrinkOptions): Promise<Shrunk> {
  const wanted = failing.violation?.checker;
  let best = failing;
  let tries = 0;
  const attempt = async (plan: RunPlan): Promise<boolean> => {
    if (tries >= options.triesMax) return false;
    tries += 1;
    const result = await options.run(plan);
    if (result.violation?.checker !== wanted) return false;
    best = result;
    options.onProgress?.(`${tries}: ${sizeOf(best.plan)}`);
    return true;
  };
  if (best.plan.shape.size > 3) {
    await attempt({ ...best.plan, shape: { ...best.plan.shape, size: 3 } });
  }
  for (const part of [rounds, faults, operations]) await thin(part, () => best.plan, attempt);
  return { result: best, tries };
}

/** Takes out ever smaller pieces of one part, until no piece can be missed. */
async function thin(
  part: Part,
  current: () => RunPlan,
  attempt: (plan: RunPlan) => Promise<boolean>,
): Promise<void> {
  let pieces = 2;
  for (;;) {
    const { size } = part(current());
    if (size === 0) return;
    const length = Math.max(1, Math.ceil(size / pieces));
    let isThinner = false;
    for (let from = 0; from < part(current()).size; ) {
      const now = part(current());
      const kept = new Set(Array.from({ length: now.size }, (_, at) => at));
      for (let at = from; at < Math.min(from + length, now.size); at++) kept.delete(at);
      // What was taken out makes room: the next piece is at the same place.
      if (await attempt(now.keep(kept))) isThinner = true;
      else from += length;
    }
    if (length === 1 && !isThinner) return;
    if (length === 1) continue;
    pieces = Math.min(pieces * 2, Math.max(1, part(current()).size));
  }
}

export function sizeOf(plan: RunPlan): string {
  const count = plan.rounds.reduce((sum, round) => sum + round.faults.length, 0);
  const { length } = plan.operations;
  return `${plan.shape.size} nodes, ${plan.rounds.length} rounds, ${count} faults, ${length} operations`;
}
