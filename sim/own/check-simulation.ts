/**
 * Looks at what a user handed in before anything runs: an error in the tenth run of a thousand helps nobody.
 * Each message names the field, what was given, and what to give.
 */
import { types } from 'node:util';
import {
  defaultConfig,
  type RaftNodeConfig,
  TUNING_FIELDS,
  validateConfig,
  validateMachine,
} from '../../src/consensus/index.ts';
import { ClusterError } from '../../src/errors.ts';
import { badField, checkFields, isSignal, shown } from '../../src/given.ts';
import { nearestName } from '../../src/near-names.ts';
import type { SimpleMachine } from '../../src/state/index.ts';
import { MODES } from '../faults/index.ts';
import { SeededRandom } from '../world/seeded-random.ts';
import { bounded } from './bounded.ts';
import { bytesText } from './bytes-text.ts';
import { ownStack } from './own-stack.ts';
import type { OwnMachine, Simulation, SimulationOptions } from './simulation.ts';
import { viewFault } from './view-fault.ts';

/** Options with every default in its place. */
export interface SimulationSettings
  extends Omit<SimulationOptions, 'seeds' | 'nodes' | 'onLine' | 'onTrace' | 'signal'> {
  readonly from: number;
  readonly to: number;
  readonly mode: string;
  readonly nodes: number | undefined;
  readonly durationMs: number;
  readonly operations: number;
  readonly shrink: boolean;
  readonly stopAtFirst: boolean;
  readonly onLine: (line: string) => void;
  readonly onTrace: ((line: string) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

const SEEDS_DEFAULT = 20;
const SEED_MAX = 2 ** 48;
const SEEDS_MAX = 1_000_000;
const NODES_MAX = 9;
const DURATION_MS_MIN = 10_000;
const DURATION_MS_MAX = 3_600_000;
const DURATION_MS_DEFAULT = 60_000;
const OPERATIONS_MAX = 100_000;
const OPERATIONS_DEFAULT = 500;
/** The simulator demands progress within bounds of its own; slower clusters would miss them. */
const ELECTION_MS_MAX = 2_000;

/** Commands that are drawn for a trial. */
const TRIAL_STEPS = 8;

const SPEC_FIELDS = new Set(['machine', 'command', 'check', 'observe', 'config', 'nodes']);
const OPTION_FIELDS = new Set([
  'seeds',
  'mode',
  'nodes',
  'durationMs',
  'operations',
  'shrink',
  'stopAtFirst',
  'onLine',
  'onTrace',
  'replayCommand',
  'signal',
]);

/** @throws ClusterError REQUEST_INVALID, CONFIG_INVALID naming field, value and rule. */
export function checkSimulation(simulation: Simulation): void {
  checkFields('simulation', simulation, SPEC_FIELDS);
  const { machine, command, check, observe, config, nodes } = simulation as Partial<Simulation>;
  const given: Record<string, unknown> = { machine, command, check, observe };
  for (const name of ['machine', 'command', 'check', 'observe'] as const) {
    const isNeeded = name === 'machine' || name === 'command';
    if (typeof given[name] === 'function' || (!isNeeded && given[name] === undefined)) continue;
    throw badField(`simulation.${name}`, given[name], PURPOSE[name]);
  }
  checkNodes('simulation.nodes', nodes);
  if (config !== undefined) checkConfig(config);
  checkMachines(simulation);
  checkCommands(simulation);
}

const PURPOSE = {
  machine: 'a function that makes a new state machine, such as () => new Orders()',
  command: 'a function (random, step) that gives a command as a Uint8Array',
  check: 'a function (machines) that throws when something is wrong, or leave it out',
  observe: 'a function (machine) that gives what must be the same on all nodes, or leave it out',
} as const;

function checkNodes(field: string, nodes: unknown): void {
  if (nodes === undefined || isWhole(nodes, 1, NODES_MAX)) return;
  throw badField(field, nodes, `a whole number from 1 to ${NODES_MAX}`);
}

function checkConfig(config: object): void {
  checkFields('simulation.config', config, TUNING_FIELDS, 'CONFIG_INVALID', 'config.');
  const whole: RaftNodeConfig = {
    ...defaultConfig(),
    ...config,
    nodeId: 'n1',
    cluster: { name: 'sim', members: [{ nodeId: 'n1', address: 'n1:7000' }] },
  };
  validateConfig(whole);
  const electionMs = whole.tickIntervalMs * whole.electionTicks;
  if (electionMs > ELECTION_MS_MAX) {
    throw new ClusterError(
      'CONFIG_INVALID',
      `simulation.config makes an election timeout of ${electionMs} ms (tickIntervalMs times ` +
        `electionTicks): at most ${ELECTION_MS_MAX}, or the simulator waits in vain for a leader`,
      { details: { field: 'config.electionTicks' } },
    );
  }
  if (whole.disableProposalForwarding) {
    throw new ClusterError(
      'CONFIG_INVALID',
      'simulation.config.disableProposalForwarding is true: the simulator asks every node to write; ' +
        'leave it out',
      { details: { field: 'config.disableProposalForwarding' } },
    );
  }
}

/** Two at once: what is shared between nodes is no replica. */
function checkMachines(simulation: Simulation): void {
  const [one, other] = [made(simulation), made(simulation)];
  if (one === other) {
    throw new ClusterError(
      'REQUEST_INVALID',
      'simulation.machine() gave the same machine twice: each node needs one of its own, and a new, ' +
        'empty one each time that it starts. Make it inside of the function',
      { details: { field: 'machine' } },
    );
  }
  if (simulation.observe !== undefined) checkView(simulation, one);
}

/** It must show data of an empty machine, too. */
function checkView(simulation: Simulation, machine: OwnMachine): void {
  const view = called('simulation.observe(machine)', 'observe', () =>
    simulation.observe?.(machine),
  );
  const fault = viewFault(view);
  if (fault === undefined) return;
  const message = `simulation.observe(machine) gave ${fault} (of a new, empty machine: give null for what is not there yet)`;
  throw new ClusterError('REQUEST_INVALID', message, { details: { field: 'observe' } });
}

/** A machine of the right shape. @throws ClusterError REQUEST_INVALID, CONFIG_INVALID. */
function made(simulation: Simulation): OwnMachine {
  const machine: unknown = called('simulation.machine()', 'machine', () => simulation.machine());
  if (isSimple(machine as OwnMachine)) return machine as OwnMachine;
  const has = (machine ?? {}) as Record<string, unknown>;
  if (has['applyBatch'] !== undefined) {
    validateMachine(machine);
    return machine as OwnMachine;
  }
  const missing = ['apply', 'snapshot', 'restore'].filter(
    (name) => typeof has[name] !== 'function',
  );
  const names = missing.map((name) => (name === 'apply' ? 'apply or applyBatch' : name));
  const isObject = typeof machine === 'object' && machine !== null;
  const what = isObject ? `an object without ${names.join(', ')}` : shown(machine);
  throw new ClusterError(
    'CONFIG_INVALID',
    `simulation.machine() gave ${what}: give an object with apply(command), snapshot() and restore(state), ` +
      'or a StateMachine with applyBatch, snapshot and restore',
    { details: { field: 'machine' } },
  );
}

/** What a function of the user throws here is his file's fault, and has its place. */
function called<T>(call: string, field: string, action: () => T): T {
  try {
    return bounded(action);
  } catch (error) {
    const text = error instanceof Error ? ownStack(error).text : shown(error);
    throw new ClusterError('REQUEST_INVALID', `${call} threw ${text}`, {
      details: { field },
      cause: error,
    });
  }
}

/** Drawn twice from the same dice: what is not the same can not be brought back by its seed. */
function checkCommands(simulation: Simulation): void {
  const bytesMax = commandBytesMax(simulation);
  for (let step = 0; step < TRIAL_STEPS; step++) {
    const [one, other] = [0, 1].map(() => {
      const random = new SeededRandom(0, `trial ${step}`);
      return Buffer.from(drawCommand(simulation, random, step, bytesMax));
    }) as [Buffer, Buffer];
    if (one.equals(other)) continue;
    throw new ClusterError(
      'REQUEST_INVALID',
      `simulation.command(random, ${step}) gave ${bytesText(one)}, and ${bytesText(other)} for the same dice: ` +
        'draw from random alone and keep no state, or no run can be repeated',
      { details: { field: 'command', step } },
    );
  }
}

/** Three functions in place of a whole machine. */
export function isSimple(machine: OwnMachine): machine is SimpleMachine {
  if (typeof machine !== 'object' || machine === null || 'applyBatch' in machine) return false;
  return (['apply', 'snapshot', 'restore'] as const).every(
    (name) => typeof (machine as SimpleMachine)[name] === 'function',
  );
}

export function commandBytesMax({ config }: Simulation): number {
  return config?.commandBytesMax ?? defaultConfig().commandBytesMax;
}

/** @throws ClusterError REQUEST_INVALID: it is none. */
export function drawCommand(
  simulation: Simulation,
  random: SeededRandom,
  step: number,
  bytesMax: number,
): Uint8Array {
  const call = `simulation.command(random, ${step})`;
  const command: unknown = called(call, 'command', () => simulation.command(random, step));
  const details = { details: { field: 'command', step } };
  if (!types.isUint8Array(command)) {
    const text = `${call} gave ${shown(command)}: it must give a Uint8Array, such as Buffer.from('put a 1')`;
    throw new ClusterError('REQUEST_INVALID', text, details);
  }
  if (command.length <= bytesMax) return command;
  const text = `${call} gave ${command.length} bytes: at most ${bytesMax} (config.commandBytesMax)`;
  throw new ClusterError('REQUEST_INVALID', text, details);
}

/** @throws ClusterError REQUEST_INVALID naming field, value and rule. */
export function checkOptions(
  simulation: Simulation,
  options: SimulationOptions,
): SimulationSettings {
  checkFields('options', options, OPTION_FIELDS);
  const {
    mode = 'any',
    durationMs = DURATION_MS_DEFAULT,
    operations = OPERATIONS_DEFAULT,
  } = options;
  const { shrink = true, stopAtFirst = false, onLine, onTrace, replayCommand, signal } = options;
  const { from, to } = checkSeeds(options.seeds ?? SEEDS_DEFAULT);
  checkMode(mode);
  checkNodes('nodes', options.nodes);
  if (!isWhole(durationMs, DURATION_MS_MIN, DURATION_MS_MAX)) {
    const rule = `a whole number of ms from ${DURATION_MS_MIN} to ${DURATION_MS_MAX}`;
    throw badField('durationMs', durationMs, rule);
  }
  if (!isWhole(operations, 1, OPERATIONS_MAX)) {
    throw badField('operations', operations, `a whole number from 1 to ${OPERATIONS_MAX}`);
  }
  for (const [field, value] of Object.entries({ shrink, stopAtFirst })) {
    if (typeof value !== 'boolean') throw badField(field, value, 'true or false');
  }
  for (const [field, value] of Object.entries({ onLine, onTrace })) {
    if (value === undefined || typeof value === 'function') continue;
    throw badField(field, value, 'a function that is given each line, such as console.log');
  }
  if (replayCommand !== undefined && typeof replayCommand !== 'string') {
    throw badField('replayCommand', replayCommand, 'a text, or leave it out');
  }
  if (signal !== undefined && !isSignal(signal)) {
    throw badField('signal', signal, 'an AbortSignal, or leave it out');
  }
  const nodes = options.nodes ?? simulation.nodes;
  const tell = onLine ?? ((): void => {});
  const given = { mode, nodes, durationMs, operations, shrink, stopAtFirst, onTrace, signal };
  return {
    from,
    to,
    ...given,
    onLine: tell,
    ...(replayCommand === undefined ? {} : { replayCommand }),
  };
}

function checkSeeds(seeds: unknown): { from: number; to: number } {
  if (typeof seeds === 'number') {
    if (isWhole(seeds, 1, SEEDS_MAX)) return { from: 1, to: seeds };
    throw badField('seeds', seeds, `how many, from 1 to ${SEEDS_MAX}, or { from, to }`);
  }
  checkFields('seeds', seeds, new Set(['from', 'to']));
  const { from, to } = seeds as Record<'from' | 'to', unknown>;
  if (!isWhole(from, 0, SEED_MAX)) {
    throw badField('seeds.from', from, `a whole number from 0 to ${SEED_MAX}`);
  }
  if (!isWhole(to, from, SEED_MAX)) {
    throw badField('seeds.to', to, `a whole number from seeds.from (${from}) to ${SEED_MAX}`);
  }
  return { from, to };
}

function checkMode(mode: unknown): void {
  const names = ['any', ...Object.keys(MODES)];
  if (typeof mode === 'string' && names.includes(mode)) return;
  const near = typeof mode === 'string' ? nearestName(mode, names) : undefined;
  const rule = near === undefined ? `one of ${names.join(', ')}` : `${near}, or another mode`;
  throw badField('mode', mode, rule);
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}
