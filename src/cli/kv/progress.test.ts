/** Goal: progress is shown at the right moments and says the right numbers. Method: a clock by hand. */
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';

import { durationText, Progress } from './progress.ts';

interface Rig {
  readonly add: (count: number, atMs: number) => void;
  readonly progress: Progress;
  readonly text: () => string;
}

function rig(isTTY: boolean): Rig {
  const stderr = Object.assign(new PassThrough(), { isTTY });
  let text = '';
  stderr.on('data', (chunk) => {
    text += chunk;
  });
  let nowMs = 0;
  const terminal = { stdout: stderr, stderr, stdin: new PassThrough(), env: {}, cwd: '/' };
  const progress: Progress = new Progress({
    terminal,
    noun: 'records',
    share: () => progress.count / 1000,
    now: () => nowMs,
  });
  const add = (count: number, atMs: number): void => {
    nowMs = atMs;
    for (let i = 0; i < count; i++) progress.add();
  };
  return { add, progress, text: () => text };
}

it('writes a line every two seconds where nobody watches', () => {
  const { add, text } = rig(false);
  add(100, 1_000);
  expect(text()).toBe('');
  add(150, 2_500);
  expect(text()).toBe('10 %, 101 records, 40/s, 22 s left\n');
});

it('redraws in place on a terminal, and takes the line away at the end', () => {
  const { add, progress, text } = rig(true);
  add(500, 5_000);
  expect(text()).toContain('\r\u001b[K');
  expect(text()).not.toContain('\n');
  progress.end();
  expect(text().endsWith('\r\u001b[K')).toBe(true);
});

it('words durations for people', () => {
  expect([0.2, 42, 600, 7_200].map(durationText)).toEqual([
    'less than 1 s',
    '42 s',
    '10 min',
    '2.0 h',
  ]);
});
