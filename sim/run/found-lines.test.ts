/** Goal: what was found reads as one would say it, with the command that brings it back. */
import { expect, it } from 'vitest';
import {
  headLine,
  interruptedLine,
  progressLine,
  verdictLine,
  violationLines,
} from './found-lines.ts';
import { replayCommand } from './report.ts';

it('says what is run, how far it is, and how it ended', () => {
  expect(headLine({ from: 1, to: 9 }, 'any', undefined)).toBe('seeds 1..9, mode any');
  expect(headLine({ from: 2, to: 2 }, 'all', 1)).toBe('seeds 2..2, mode all, 1 node');
  expect(headLine({ from: 1, to: 2 }, 'all', 3, 'locks')).toBe(
    'seeds 1..2, mode all, workload locks, 3 nodes',
  );
  expect(interruptedLine(1, 0)).toBe('interrupted after 1 seed: 0 violations so far');
  expect(progressLine(3, 9, 1)).toBe('3 of 9 seeds, 1 violation');
  expect([0, 1, 2].map(verdictLine)).toEqual([
    'no violation',
    '1 seed with a violation',
    '2 seeds with a violation',
  ]);
});

it('tells a violation with each line of its message, its notes, and its command', () => {
  const run = { seed: 4, mode: 'all', nodes: 3 };
  const told = {
    seed: 4,
    where: 'all, kv',
    atMs: 1_234.5,
    checker: 'one leader',
    message: 'two\nlead',
    notes: ['please report it'],
    again: replayCommand({ ...run, workload: 'kv' }, 'sim'),
  };
  expect(violationLines(told)).toEqual([
    'VIOLATION  seed 4 (all, kv) after 1.234 s: one leader',
    '           two',
    '           lead',
    '           please report it',
    '           again: sim --seeds 4..4 --mode all --workload kv --nodes 3 --trace',
  ]);
  expect(replayCommand(run, 'sim')).toBe('sim --seeds 4..4 --mode all --nodes 3 --trace');
});
