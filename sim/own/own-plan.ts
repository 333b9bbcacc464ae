/**
 * What a run of a user's machine will be, decided before it begins and from the seed: as plan.ts of sim/run
 * has it, with the user's commands, and with as many rounds of faults as fill the time that he wants.
 */
import { defaultConfig } from '../../src/consensus/index.ts';
import { MODES } from '../faults/index.ts';
import { type PlannedRound, planRun, QUIET_MS, type RunPlan } from '../run/plan.ts';
import type { PlannedOperation } from '../workloads/index.ts';
import { drawDeadline, planOperations } from '../workloads/planning.ts';
import { SeededRandom } from '../world/seeded-random.ts';
import { commandBytesMax, drawCommand, type SimulationSettings } from './check-simulation.ts';
import type { Simulation } from './simulation.ts';

/** A stretch of faults and the quiet after it, about. */
const ROUND_MS = 20_000;
/** Between two faults, about. */
const FAULT_EVERY_MS = 3_500;
const FAULT_MS_MIN = 2_000;

const TIMES = ['tickIntervalMs', 'electionTicks', 'heartbeatTicks'] as const;

export const OWN_WORKLOAD = 'own';

export function planOwn(
  seed: number,
  simulation: Simulation,
  settings: SimulationSettings,
): RunPlan {
  const { mode, nodes, durationMs, operations } = settings;
  const base = planRun(seed, { mode, workload: 'plain', nodes });
  const random = new SeededRandom(seed, 'own plan');
  const names = Array.from({ length: base.shape.size }, (_, at) => `n${at + 1}`);
  const count = Math.max(1, Math.round(durationMs / ROUND_MS));
  const faultMs = Math.max(FAULT_MS_MIN, Math.ceil(durationMs / count) - QUIET_MS);
  const rounds = Array.from({ length: count }, (_, round): PlannedRound => {
    const faults = MODES[base.mode]?.plan({
      random: random.stream(`faults ${round}`),
      nodes: names,
      fromMs: 0,
      untilMs: faultMs,
      faults: Math.ceil(faultMs / FAULT_EVERY_MS),
    });
    return { faultMs, faults: faults ?? [] };
  });
  const planned = planOperations({ random, durationMs, operations }, (dice) => {
    return { kind: 'propose', args: ['', drawDeadline(dice)] };
  });
  return {
    ...base,
    workload: OWN_WORKLOAD,
    shape: { ...base.shape, tuning: tuningOf(simulation, base) },
    rounds,
    operations: withCommands(planned, simulation, random.stream('commands')),
    // His commands may be as few as he likes.
    minimum: undefined,
  };
}

/** In order of time, so that `step` is what it says. */
function withCommands(
  operations: readonly PlannedOperation[],
  simulation: Simulation,
  random: SeededRandom,
): PlannedOperation[] {
  const bytesMax = commandBytesMax(simulation);
  return operations.map((operation, step) => {
    const command = drawCommand(simulation, random.stream(`${step}`), step, bytesMax);
    const [, deadlineMs = 0] = operation.args;
    return { ...operation, args: [Buffer.from(command).toString('hex'), deadlineMs] };
  });
}

/** What was drawn gives way to what was given, with everything that only makes sense together. */
function tuningOf({ config = {} }: Simulation, { shape }: RunPlan): RunPlan['shape']['tuning'] {
  const { tickIntervalMs, electionTicks, heartbeatTicks } = defaultConfig();
  const isTimed = TIMES.some((field) => config[field] !== undefined);
  const times = isTimed ? { tickIntervalMs, electionTicks, heartbeatTicks } : {};
  const { maxInflightBytes = Infinity } = config;
  const maxBytesPerMessage = Math.min(shape.tuning.maxBytesPerMessage ?? 1, maxInflightBytes);
  return { ...shape.tuning, ...times, maxBytesPerMessage, ...config };
}
