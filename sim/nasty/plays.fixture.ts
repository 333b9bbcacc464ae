/** Plays the scenarios of a list in tests, by number. */
import { expect } from 'vitest';
import type { NastyScenario } from './scenario.ts';
import { play } from './stage.ts';

/** Scripts must not work by luck: two seeds here, five under `npm run sim -- --nasty`. */
const SEEDS = [1, 2];

export function playsOf(list: readonly NastyScenario[]): (number: number) => Promise<void> {
  return async (number) => {
    const scenario = list.find((it) => it.number === number);
    if (scenario === undefined) throw new Error(`N-${number} is not in the list`);
    for (const seed of SEEDS) {
      const { violation, troubles } = await play(scenario, seed);
      expect(violation, `N-${number}, seed ${seed}`).toBeUndefined();
      expect(troubles).not.toEqual([]);
    }
  };
}
