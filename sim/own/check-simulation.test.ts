/** Goal: whatever is wrong with the arguments is told before anything runs, by field, value and what to do. */
import { expect, it } from 'vitest';
import { simulate } from '../index.ts';
import type { Simulation, SimulationOptions } from './simulation.ts';
import { simulationOf, Tickets } from './tickets.fixture.ts';

const right = simulationOf(() => new Tickets());
const shared = new Tickets();
let count = 0;
const thrower = (): never => {
  throw new Error('no table');
};

it.each<[unknown, string]>([
  [undefined, 'simulation is missing: give an object with machine, command'],
  [{ ...right, machine: undefined }, 'simulation.machine is missing: give a function that makes'],
  [{ ...right, machine: new Tickets() }, 'simulation.machine is an object: give a function'],
  [
    { ...right, machine: () => ({}) },
    'simulation.machine() gave an object without apply or applyBatch, snapshot, restore: give an object with apply(',
  ],
  [{ ...right, machine: () => undefined }, 'simulation.machine() gave undefined: give an object'],
  [{ ...right, machine: () => ({ applyBatch: 5 }) }, 'machine is an object without applyBatch'],
  [{ ...right, machine: thrower }, 'simulation.machine() threw Error: no table'],
  [{ ...right, command: thrower }, 'simulation.command(random, 0) threw Error: no table'],
  [{ ...right, observe: thrower }, 'simulation.observe(machine) threw Error: no table'],
  [
    { ...right, observe: () => undefined },
    'simulation.observe(machine) gave undefined, which compares nothing: return, at once, the data',
  ],
  [{ ...right, observe: async () => 1 }, 'simulation.observe(machine) gave a promise, which'],
  [{ ...right, machine: () => shared }, 'simulation.machine() gave the same machine twice'],
  [{ ...right, command: 'draw' }, 'simulation.command is "draw": give a function (random, step)'],
  [
    { ...right, command: () => 'draw' },
    'simulation.command(random, 0) gave "draw": it must give a',
  ],
  [{ ...right, command: () => Buffer.alloc(9e6) }, 'gave 9000000 bytes: at most 1048576'],
  [
    { ...right, command: () => Buffer.from(`${count++}`) },
    'for the same dice: draw from random alone',
  ],
  [{ ...right, chek: () => {} }, 'simulation has no field "chek": did you mean check?'],
  [{ ...right, nodes: 12 }, 'simulation.nodes is 12: give a whole number from 1 to 9'],
  [{ ...right, config: { nodeId: 'n1' } }, 'simulation.config has no field "nodeId"'],
  [{ ...right, config: { electionTicks: 1 } }, 'electionTicks is 1: it must be greater than'],
  [{ ...right, config: { tickIntervalMs: 900 } }, 'an election timeout of 9000 ms'],
  [{ ...right, config: { disableProposalForwarding: true } }, 'asks every node to write'],
])('refuses the simulation %#', async (simulation, message) => {
  await expect(simulate(simulation as Simulation)).rejects.toThrow(message);
});

it.each<[object, string]>([
  [{ seeds: 0 }, 'seeds is 0: give how many'],
  [{ seeds: { from: 4, to: 3 } }, 'seeds.to is 3: give a whole number from seeds.from (4)'],
  [{ mode: 'calmm' }, 'mode is "calmm": give calm, or another mode'],
  [{ mode: 'worse' }, 'give one of any, calm, lossy'],
  [{ nodes: 0 }, 'nodes is 0: give a whole number from 1 to 9'],
  [{ durationMs: 5 }, 'durationMs is 5: give a whole number of ms from 10000'],
  [{ operations: 1.5 }, 'operations is 1.5: give a whole number from 1'],
  [{ shrink: 'no' }, 'shrink is "no": give true or false'],
  [{ onLine: true }, 'onLine is true: give a function'],
  [{ signal: {} }, 'signal is an object: give an AbortSignal'],
  [{ sedes: 4 }, 'options has no field "sedes": did you mean seeds?'],
])('refuses the options %#', async (options, message) => {
  await expect(simulate(right, options as SimulationOptions)).rejects.toThrow(message);
});
