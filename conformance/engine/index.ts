/**
 * The contract of `Engine` (src/engine/types.ts) as cases, whatever the agreement comes from. The suite
 * brings the state machine, and the rig the clusters: three members each, or one.
 */
import { type ConformanceCase, makeCases } from '../kit/index.ts';
import { EngineBench } from './bench.ts';
import { leadershipCases } from './leadership-cases.ts';
import { lifeCases } from './life-cases.ts';
import { memberCases } from './member-cases.ts';
import { proposalCases } from './proposal-cases.ts';
import { checkRig, type EngineAbility, type EngineRig } from './rig.ts';
import { sessionCases } from './session-cases.ts';
import { signalCases } from './signal-cases.ts';
import { submitCases } from './submit-cases.ts';
import { watchCases } from './watch-cases.ts';

export type { EngineAbility, EngineCluster, EngineRig } from './rig.ts';

/** Reasons why cases that need an ability are left out; `undefined` when the rig has it. */
export type EngineAbilities = Readonly<Record<EngineAbility, string | undefined>>;

/** The cases for an engine of your own. */
export function engineConformance(rig: EngineRig): ConformanceCase[] {
  checkRig(rig);
  const reasonWithout = (ability: EngineAbility): string | undefined =>
    rig.offers.includes(ability) ? undefined : `the rig does not offer ${ability}`;
  const can: EngineAbilities = { restart: reasonWithout('restart'), join: reasonWithout('join') };
  const suite = {
    name: 'engine',
    open: async () => new EngineBench(rig),
    close: (bench: EngineBench) => bench.close(),
  };
  return makeCases(suite, [
    ...proposalCases(),
    ...submitCases(),
    ...signalCases(),
    ...sessionCases(),
    ...leadershipCases(),
    ...watchCases(),
    ...lifeCases(can),
    ...memberCases(can),
  ]);
}
