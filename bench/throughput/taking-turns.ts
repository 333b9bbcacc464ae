/**
 * Several sides under the same loads, taking turns in each round, so that whatever happens to the machine
 * happens to all. Who begins changes from round to round.
 */
import { type BenchmarkContext, inRounds } from '../benchmark.ts';
import type { Recorder } from '../recorder.ts';
import { rotated } from '../rotated.ts';
import type { Load, Side } from './sides.ts';

export interface Turn {
  /** In the table. */
  readonly name: string;
  readonly side: Side;
  readonly load: Omit<Load, 'seconds' | 'warmSeconds'>;
}

/**
 * Under load before anything is measured, each side alike. A server runs for months; in its first seconds it
 * spends more on compiling itself than on its work, and in those of a peer there is less to compile.
 */
export const RUN_IN_SECONDS = 20;
export const RUN_IN_INFLIGHT = 1_000;

/**
 * Runs every side in, then lets them take turns. `groups`: what is compared with each other stands in one
 * group, and is measured next to each other.
 */
export async function takeTurns(
  context: BenchmarkContext,
  what: string,
  groups: readonly (readonly Turn[])[],
  recorder: Recorder,
): Promise<void> {
  const { seconds, warmSeconds } = context;
  await runIn(context, what, groups.flat());
  await inRounds(context, what, async (round) => {
    for (const group of groups) {
      for (const { name, side, load } of rotated(group, round)) {
        recorder.addLoad(name, await side.load({ ...load, seconds, warmSeconds }));
      }
    }
  });
}

/** Each side as long as any other, whatever kinds of load await it. */
async function runIn(
  { isTrial, seconds, tell }: BenchmarkContext,
  what: string,
  turns: readonly Turn[],
): Promise<void> {
  const sides = new Map<Side, Map<string, Turn>>();
  for (const turn of turns) {
    const { operation, via } = turn.load;
    const kinds = sides.get(turn.side) ?? new Map<string, Turn>();
    sides.set(turn.side, kinds.set(`${operation} ${via}`, turn));
  }
  const runSeconds = isTrial ? seconds : RUN_IN_SECONDS;
  for (const [side, kinds] of sides) {
    for (const { name, load } of kinds.values()) {
      tell(`${what}: run in, ${name}`);
      const busy = { ...load, inflight: RUN_IN_INFLIGHT, warmSeconds: 0 };
      await side.load({ ...busy, seconds: runSeconds / kinds.size });
    }
  }
}
