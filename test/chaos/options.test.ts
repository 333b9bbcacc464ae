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
  [['--minutes', '0'], '--minutes 0: give a number above 0, at most 1440 (a day)'],
  [['--minutes', 'five'], '--minutes five: give a number above 0'],
  [['--nodes', '4'], '--nodes 4: give one of 3, 5, 7'],
  [['--clients', '0'], '--clients 0: give a whole number from 1 to 64'],
  [['--seed', '1.5'], '--seed 1.5: give a whole number from 0 to 4294967295'],
  [['--faults', 'cut,fire'], 'there is no "fire"'],
  [['--prove', '--faults', 'cut'], '--prove does its own fault, once: leave out --faults cut'],
  [['--prove', '--minutes', '1'], 'leave out --minutes 1'],
  [
    ['--check', 'h', '--minutes', '1', '--quick'],
    '--check h judges that file and does nothing else: leave out --minutes 1 and --quick',
  ],
  [['--prove', '--check', 'h'], 'leave out --prove'],
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
