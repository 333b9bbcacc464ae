/** Goal: progress is told every five seconds at most, and not at all of what is over soon. */
import { expect, it } from 'vitest';
import { nowAndThen } from './now-and-then.ts';

it('says one line every five seconds', () => {
  const said: string[] = [];
  let nowMs = 1_000;
  const say = nowAndThen(
    (line) => said.push(line),
    () => nowMs,
  );
  for (; nowMs <= 12_000; nowMs += 500) say(`at ${nowMs}`);
  expect(said).toEqual(['at 6000', 'at 11000']);
});
