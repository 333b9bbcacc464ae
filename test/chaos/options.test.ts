/** Goal: what can not be done as asked is said before anything is started. */
import { expect, it } from 'vitest';

import { LINK_FAULTS } from './link-faults.ts';
import { parseOptions, replayLine } from './options.ts';
import { PROCESS_FAULTS } from './process-faults.ts';
import { WORLD_FAULTS } from './world-faults.ts';

const FAULTS = [...LINK_FAULTS, ...PROCESS_FAULTS, ...WORLD_FAULTS];

function parse(...args: string[]) {
  return parseOptions(args, FAULTS, 42);
}

it('runs three nodes for five minutes with every fault, if nothing else is asked', () => {
  expect(parse()).toMatchObject({ minutes: 5, nodes: 3, seed: 42, faults: FAULTS });
  expect(parse()).toMatchObject({ wantsSmallDisk: true, check: undefined, history: undefined });
});

it('takes what is asked', () => {
  const args = '--minutes 0.2 --nodes 5 --clients 12 --seed 7 --history h --faults cut,kill-all';
  const options = parse(...args.split(' '));
  expect(options).toMatchObject({ minutes: 0.2, nodes: 5, clients: 12, seed: 7, history: 'h' });
  expect(options).toMatchObject({ wantsSmallDisk: false });
  expect(typeof options !== 'string' && options.faults.map(({ kind }) => kind)).toEqual([
    'cut',
    'kill-all',
  ]);
});

it('is short and leaves out what takes long when it is to be quick', () => {
  const options = parse('--quick');
  expect(options).toMatchObject({ minutes: 0.5, isQuick: true, wantsSmallDisk: false });
  expect(typeof options !== 'string' && options.faults.length).toBeGreaterThan(5);
});

it.each([
  [['--node', '3'], '--node is not known'],
  [['--seed'], '--seed needs a value'],
  [['--minutes', '--quick'], '--minutes needs a value'],
  [['--minutes', '0'], '--minutes: a number above 0'],
  [['--minutes', 'five'], '--minutes: a number above 0'],
  [['--nodes', '4'], '--nodes: one of 3, 5, 7'],
  [['--clients', '0'], '--clients: 1 to'],
  [['--seed', '1.5'], '--seed: a whole number'],
  [['--faults', 'cut,fire'], 'there is no "fire"'],
  [['--prove', '--faults', 'cut'], '--prove does its own fault'],
])('refuses %j', (args, why) => {
  expect(parse(...args)).toContain(why);
});

it.each([
  ['--quick --seed 7', 'npm run chaos -- --minutes 0.5 --faults cut,'],
  ['--prove --seed 7', 'npm run chaos -- --prove --nodes 3 --clients 10 --seed 7'],
  [
    '--quick --prove --nodes 5',
    'npm run chaos -- --prove --nodes 5 --clients 10 --seed 42 --quick',
  ],
])('tells how to do %s once more, which means the same', (args, line) => {
  const options = parse(...args.split(' '));
  if (typeof options === 'string') throw new Error(options);
  expect(replayLine(options)).toContain(line);
  expect(parse(...replayLine(options).split(' ').slice(4))).toEqual(options);
});

it('has a name of its own for each fault', () => {
  expect(new Set(FAULTS.map(({ kind }) => kind)).size).toBe(FAULTS.length);
});
