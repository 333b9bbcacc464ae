/**
 * The stage itself: a script that shows nothing must not pass, and the list is whole and in order.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

import { NASTY } from './index.ts';
import { write } from './moves.ts';
import type { NastyScenario } from './scenario.ts';
import { play } from './stage.ts';

function scenario(run: NastyScenario['run']): NastyScenario {
  return { number: 99, title: 'for this test', run };
}

it('fails a script whose trouble never came', async () => {
  const { violation } = await play(
    scenario(async (stage) => write(stage, 'n1', 'key', 'value')),
    1,
  );
  expect(violation?.checker).toBe('N-99');
  expect(violation?.message).toContain('has shown nothing');
});

it('fails a script by what it expects in vain, and names it', async () => {
  const { violation, troubles } = await play(
    scenario(async (stage) => {
      stage.trouble('there was one');
      stage.expect(false, 'what must happen');
    }),
    1,
  );
  expect(troubles).toEqual(['there was one']);
  expect(violation).toMatchObject({ checker: 'N-99', message: 'what must happen' });
});

it('fails a script that goes wrong by itself', async () => {
  const { violation } = await play(
    scenario(async () => {
      throw new Error('a slip of the script');
    }),
    1,
  );
  expect(violation).toMatchObject({ checker: 'the run itself' });
  expect(violation?.message).toContain('a slip of the script');
});

it('tells the same story for the same seed', async () => {
  const [first] = NASTY;
  const lines: string[][] = [[], []];
  for (const told of lines) {
    if (first !== undefined) await play(first, 3, (line) => told.push(line));
  }
  expect(lines[0]?.length).toBeGreaterThan(50);
  expect(lines[1]).toEqual(lines[0]);
});

it('plays each number of the list once, in order', () => {
  const list = new URL('../../test/scenarios/N.json', import.meta.url);
  const { titles } = JSON.parse(readFileSync(list, 'utf8')) as { titles: Record<string, string> };
  const numbers = NASTY.map(({ number }) => number);
  expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other));
  for (const number of numbers) expect(titles).toHaveProperty(String(number));
});
