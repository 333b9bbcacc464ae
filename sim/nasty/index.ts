/**
 * The nasty scenarios, in the order of their numbers: what broke real Raft systems, brought about for
 * certain on whole nodes. One object each, in the files n-<number>-<words>.ts; `play` (stage.ts) plays one.
 */
import { LIST_1 } from './list-1.ts';
import { LIST_2 } from './list-2.ts';
import type { NastyScenario } from './scenario.ts';

export const NASTY: readonly NastyScenario[] = [...LIST_1, ...LIST_2].sort(
  (one, other) => one.number - other.number,
);
