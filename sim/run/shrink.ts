/**
 * Makes a failing run smaller: fewer rounds, faults, operations and nodes, as long as the same invariant
 * still breaks. What remains is what the failure needs, short enough to be read.
 *
 * Taking something out moves what comes after it; so a smaller run may fail in another way or not at all,
 * and is then not taken. What was planned for after the violation never came about: it goes first, so that each
 * further try is short. Then by halves, then one by one (delta debugging, Zeller and Hildebrandt 2002).
 */
import { ENOUGH } from './minimum.ts';
import { QUIET_MS, type RunPlan } from './plan.ts';
import type { RunResult } from './run-plan.ts';

export interface ShrinkOptions {
  readonly run: (plan: RunPlan) => Promise<RunResult>;
  /** Runs that may be tried. */
  readonly triesMax: number;
  /** Asked before each try: no further one is wanted. */
  readonly isOver?: () => boolean;
  /** Told after each try: how many there were, and the smallest plan so far. */
  readonly onTry?: (tries: number, best: RunPlan) => void;
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
    if (tries >= options.triesMax || options.isOver?.() === true) return false;
    tries += 1;
    const result = await options.run(plan);
    const isTaken = result.violation?.checker === wanted;
    if (isTaken) best = result;
    options.onTry?.(tries, best.plan);
    return isTaken;
  };
  // Of a run in which too little happened less is no explanation.
  if (wanted === ENOUGH) return { result: best, tries };
  const free = { ...best.plan, minimum: undefined };
  await attempt(cutOff(free, best.violation?.atMs ?? Infinity));
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

/**
 * Without what was planned for after `atMs` of the run. Rounds may begin later than planned here (a first leader
 * is waited for, quiet lasts until all is healed), never earlier: nothing is cut off that had come about.
 */
export function cutOff(plan: RunPlan, atMs: number): RunPlan {
  let beganMs = 0;
  const rounds = plan.rounds.flatMap((round) => {
    const sinceMs = atMs - beganMs;
    beganMs += round.faultMs + QUIET_MS;
    if (sinceMs < 0) return [];
    return [{ ...round, faults: round.faults.filter((fault) => fault.atMs <= sinceMs) }];
  });
  return { ...plan, rounds, operations: plan.operations.filter((one) => one.atMs <= atMs) };
}
