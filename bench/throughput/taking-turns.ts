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

/** `groups`: what is compared with each other stands in one group, and is measured next to each other. */
export async function takeTurns(
  context: BenchmarkContext,
  what: string,
  groups: readonly (readonly Turn[])[],
  recorder: Recorder,
): Promise<void> {
  const { seconds, warmSeconds } = context;
  await inRounds(context, what, async (round) => {
    for (const group of groups) {
      for (const { name, side, load } of rotated(group, round)) {
        recorder.addLoad(name, await side.load({ ...load, seconds, warmSeconds }));
      }
    }
  });
}
